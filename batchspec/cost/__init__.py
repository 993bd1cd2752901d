"""What nodes cost: prices of a VM size, what a pool costs per hour, and a run at most. Pure: prices are handed in.

Sums are about: disks, addresses, storage and traffic are not in them, nor what an agreement takes off.
"""
