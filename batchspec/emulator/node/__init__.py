"""What happens on a node: files in, the command, files out.

In threads of its own; nothing here changes the state.
"""
