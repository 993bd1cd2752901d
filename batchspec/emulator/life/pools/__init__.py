"""What happens to pools and their nodes: sizes, boots, start tasks, preparation, tries of tasks, disturbances.

A node's agent notes what it does.
"""
