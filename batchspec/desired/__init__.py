"""What should be, as values: tasks with their names and places, their ids and fingerprints.

Pure, like the rooms inside: from a `Spec` and its inputs. `artifacts` are what tasks read and make, `bodies` what is
sent for them, `expansion` makes the tasks. A task that needs no work is never rendered.
"""
