"""One file for each command: options are parsed, then one function does the work.

What they share is in the package above.
"""
