"""Running a plan: uploads, pool and job, tasks, the watch, downloads, the summary.

`apply` is the table of contents; what the steps share is a `Conduct`.
"""
