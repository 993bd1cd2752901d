"""Plans and what is like them (drift, a destroy, a download): what would be done, for people and for programs.

A module for each form; all of them see the same values.
"""
