"""What is going on: the events of a run, how it ended, the status of a workload, what an account holds.

For people; the JSON of events is made beside that of plans.
"""
