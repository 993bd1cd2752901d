"""The tasks of a job as groups of a spec: commands, rows, containers, data and who waits for whom."""
