"""`make_plan(desired, observed)`: what is done to each kind of thing, and the planner that puts it together.

One module for a kind, from what should be and what is; `owner` says what is not ours to touch.
`drift` asks the same about what exists only.
"""
