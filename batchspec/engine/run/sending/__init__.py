"""What is brought into the account: inputs, the pool and the job, tasks; many calls of one kind side by side.

Each task is added as soon as what it reads is there.
"""
