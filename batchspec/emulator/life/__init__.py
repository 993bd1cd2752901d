"""What happens over time: an account's pools, nodes, jobs, tasks and schedules go from state to state.

All of it in the event loop's thread. `running` starts an account; the scheduler gives tasks to nodes.
"""
