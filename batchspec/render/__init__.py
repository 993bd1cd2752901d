"""Plans, runs, findings and reports as text, JSON and Markdown: functions of values that return strings.

What all of them use is here: foreign text made safe to look at, numbers with their units.
"""
