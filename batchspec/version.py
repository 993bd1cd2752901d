"""The version of this release, as it goes into stamps, plans and requests."""

__version__ = "0.1.0"
