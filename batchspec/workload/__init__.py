"""The public Python API, which the commands are made of: a spec is loaded, planned, applied, looked at, destroyed.

Nothing here prints, asks or ends a process: who it works for is told and asked by functions that are handed in.
"""
