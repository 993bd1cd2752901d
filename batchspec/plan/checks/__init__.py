"""What speaks against a plan, found before it costs anything: findings, each with the line that decides it.

Thresholds of `safety:`, tasks that nothing would run, sizes that Azure retires, and what the local account does not do.
None of it changes the plan.
"""
