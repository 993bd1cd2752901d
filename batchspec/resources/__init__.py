"""What we know of each kind of resource: fields and their effects, defaults, equality, ids, stamps.

Facts of the service and names of our own. Nothing here calls anything.
"""
