"""Calls of Blob storage: listings, uploads, downloads, the lease that is a lock.

A transfer is whole and checked, or it raises.
"""
