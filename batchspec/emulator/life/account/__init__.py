"""The account: its state in memory and on disk, the loop that moves it on, and the folders of its nodes.

It knows nothing of what happens to pools and jobs: those rooms are handed an account.
"""
