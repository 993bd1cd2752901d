"""Globs: which names a pattern takes, and what it captures of them.

In linear time, and with nothing to import for it.
"""
