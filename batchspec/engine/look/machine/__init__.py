"""The files and folders of this machine: what globs match, the packs of folders, packages.

All of it is held against the project: what a spec may read there, and where it may write.
"""
