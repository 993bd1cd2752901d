"""Rows: the tasks of a group, as the text of a spec has them.

Their axes and sheets, the groups that they read, and the names that their templates see.
"""
