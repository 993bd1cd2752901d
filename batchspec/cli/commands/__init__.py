"""One file for each command: options are parsed, then one function does the work.

What they share is in the package above. It stays one room, though a large one: a command is found by its name, and they
know nothing of each other.
"""
