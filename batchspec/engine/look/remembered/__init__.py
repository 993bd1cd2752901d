"""What is remembered of local files in the person's cache: digests, what was downloaded, what was unpacked.

It may be deleted at any time: what is not remembered is read again.
"""
