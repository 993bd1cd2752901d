"""Calls of the Batch service: pools, jobs, tasks, nodes.

Bodies are the REST API's own JSON.
"""
