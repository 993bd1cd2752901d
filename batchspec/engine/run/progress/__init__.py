"""How far a run is: what its steps share (a `Conduct`), what each task came to, the lock that the run holds.

A run tells of itself in `batchspec.events`; nothing here prints.
"""
