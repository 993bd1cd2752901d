"""Running a plan: `apply` is the table of contents, from the claim of a name over the watch to the summary.

Its steps share what is in `progress`; `sending` brings things into the account, `downloads` brings outputs home.
"""
