"""What happens to jobs, their tasks and their schedules, and how pools and jobs come to be.

A task is taken by a node, run, tried again, completed; a schedule makes the next job when one is over.
"""
