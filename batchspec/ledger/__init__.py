"""The private database of a plan: what there may be a million of lies on disk, not in memory.

One per plan, and gone with it.
"""
