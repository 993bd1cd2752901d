"""What should be, as values: tasks with their names, ids and fingerprints, and the bodies that are sent for them.

Pure: from a `Spec` and its inputs. A task that needs no work is never rendered.
"""
