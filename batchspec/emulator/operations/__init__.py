"""The REST operations, a file for each group of them.

They check a call, and tell `life` what is wanted.
"""
