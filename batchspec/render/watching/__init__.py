"""What a live display shows: the steps, the tasks by group, how fast they end, what runs, what the nodes do.

Values only. How they are drawn is for `cli/live.py`.
"""
