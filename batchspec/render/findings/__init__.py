"""What is wrong, and what speaks against a plan, as text, as JSON and as annotations of a pull request.

`explanations.md` has a section for each code, which `batchspec explain` shows.
"""
