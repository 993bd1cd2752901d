"""`make_plan(desired, observed)`: what to do, why, and what speaks against it.

Pure: no files, no network, no clock. An action carries what it is about; a reason explains.
"""
