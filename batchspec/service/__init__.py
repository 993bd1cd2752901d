"""How to call Azure: the only room that imports it.

Which account a command works on is decided in `connect`; the rooms below hold the calls.
"""
