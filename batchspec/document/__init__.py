"""YAML to values that know where they stand, and back.

A `Document` is what a file says and the position of each part of it; nothing here
knows what a spec is.
"""
