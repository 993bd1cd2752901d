"""A Batch endpoint of our own, for the local account. It imports nothing of the rest of batchspec but
the language of autoscale formulas, which imports nothing.

Its rooms, from the bottom up: `state`, `http`, `node`, `life`, `operations`, `host`. What it does and
does not do is in its README.
"""
