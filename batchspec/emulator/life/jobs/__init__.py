"""What happens to jobs, their tasks and their schedules, and how pools and jobs come to be.

A node takes a task, runs it, tries it again and completes it; a job schedule makes its next job when one is over.
"""
