"""Reading what there is: the live account, the links that end, all that tasks read. Reads only.

What a plan is made from comes from here. `machine` has the files of this machine, `remembered` what the person's cache
knows of them.
"""
