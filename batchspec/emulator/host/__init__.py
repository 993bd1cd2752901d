"""The background process: the endpoint, Azurite beside it, and the folder they live in.

One for each installation.
"""
