"""From the configuration of Batch Shipyard, which is retired, to a spec.

Files in, text out; no account is asked. Whatever has no counterpart is told in a comment, beside what it belonged to.
"""
