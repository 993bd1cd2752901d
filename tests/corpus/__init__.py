"""Inputs that once crashed batchspec, or kept it busy for ever: a file for each bug, read again by every test run."""
