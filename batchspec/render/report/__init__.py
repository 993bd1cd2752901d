"""Reports on runs: the trace for programs, a page for people, a list of runs."""
