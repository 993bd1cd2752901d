"""How a workload fares: its status, and whether it is stuck, with the reason.

Reads only.
"""
