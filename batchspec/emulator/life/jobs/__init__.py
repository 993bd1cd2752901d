"""What happens to jobs, their tasks and their schedules, and how pools and jobs come to be.

A task starts on a node, may be retried, and completes. A job schedule creates its next job when the last has completed.
"""
