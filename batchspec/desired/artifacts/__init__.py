"""What tasks read and what they make: files, outputs, the rows they come from.

Each has a name, a place and a content; `values` is how templates see them.
What can be read was found elsewhere and is handed in.
"""
