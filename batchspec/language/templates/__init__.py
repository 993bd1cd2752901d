"""Templates: what stands between braces, how it is checked, and what is made of it.

For a shell, for a word of a command, or for a field of Batch, which keeps its type.
"""
