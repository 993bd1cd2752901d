"""What is sent for a task: its REST body, and the script around its command.

Rendered at the moment of sending, one by one; `fold` renders a whole group at once and must give the same bodies.
"""
