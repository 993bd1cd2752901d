"""The program `batchspec`: from its first moment to its last, a signal ends it with a sentence.

It imports no more than it needs to listen; the rest, which takes a while, comes when it listens already.
"""

from batchspec.cli import leave


def main() -> None:
    """Runs the command on the command line and ends the process."""
    leave.at_once()
    from batchspec.cli.main import main as run

    run()
