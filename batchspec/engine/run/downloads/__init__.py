"""Bringing outputs home: each file whole and checked, or not at all.

No link is followed out of the folder that they land in, and what is not ours is left alone there.
"""
