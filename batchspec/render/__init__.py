"""Plans, events, findings and reports as text, JSON and Markdown.

Functions of values that return strings.
"""
