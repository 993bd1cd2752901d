"""The schema of specs: what it finds wrong, and what the fields mean.

Live resources are read back as fields of it, too.
"""
