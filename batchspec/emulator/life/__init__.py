"""What happens over time: pools, nodes, jobs, tasks and schedules go from state to state.

All of it in the event loop's thread.
"""
