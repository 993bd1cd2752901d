"""A plan as values: what there is, what would be done, and what two plans have in common.

Pure, like the rooms inside: no files, no network, no clock. An action carries what it is about; a reason explains.
`verdicts` say which tasks need work, `actions` what is done about it (`make_plan`), `checks` what speaks against it.
"""
