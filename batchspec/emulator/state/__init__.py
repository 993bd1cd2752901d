"""What is kept: the store, the clock, defaults, and the errors of the service.

Nothing here knows of requests or nodes.
"""
