"""The crash matrix (R-23, R-25): an apply killed before and after each of its calls, and run again."""
