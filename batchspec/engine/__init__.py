"""Does things, and tells of them as events; nothing here prints.

Looking is in `look`, running a plan in `run`, judging how it fares in `health`; here are the rest.
"""
