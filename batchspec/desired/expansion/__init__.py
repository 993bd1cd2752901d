"""From a spec and what it can read to its tasks: names and digests fixed, templates tried, collisions found.

`expand` is the way in; `compose` does it for groups that have a matrix or read and make more than one thing.
"""
