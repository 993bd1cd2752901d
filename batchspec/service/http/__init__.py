"""HTTP below the SDKs: connections, proxies, repetitions, errors.

The same for Batch and for Blob storage.
"""
