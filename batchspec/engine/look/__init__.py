"""Reading what there is: local files, the live account, the links that end. Reads only.

What a plan is made from comes from here.
"""
