"""Which tasks need work, and why: one query over the tasks that should be and what is there of them.

Its parts: how a verdict flows between groups, what readers need, what --only and --rerun select, what is in storage.
The outputs are the record of what was done.
"""
