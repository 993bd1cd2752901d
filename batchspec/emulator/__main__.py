"""`python -m batchspec.emulator --home DIR`: the local account's process, in the foreground."""

import argparse
import os
import sys
from pathlib import Path

from batchspec.emulator.host.installation import LocalAccountError

_SPEEDS = ("instant", "as-measured")


def main() -> int:
    options = _parser().parse_args()
    from batchspec.emulator.host import daemon  # after --help: it brings in the web server

    try:
        return daemon.run(
            options.home,
            options.idle_s,
            as_measured=options.speed == "as-measured",
            containers=options.containers,
        )
    except LocalAccountError as error:
        sys.stderr.write(f"error: {error}\n  {error.help}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    """The options; the environment has defaults for those that `batchspec local` does not pass on."""
    parser = argparse.ArgumentParser(prog="python -m batchspec.emulator", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="the installation's folder")
    parser.add_argument(
        "--idle-s",
        type=float,
        default=os.environ.get("BATCHSPEC_LOCAL_IDLE_S", "600"),
        metavar="SECONDS",
        help="end after so long without work or requests (600, or $BATCHSPEC_LOCAL_IDLE_S)",
    )
    parser.add_argument(
        "--speed",
        choices=_SPEEDS,
        default=os.environ.get("BATCHSPEC_LOCAL_SPEED", "instant"),
        help="how long nodes and pools take to change: not at all, or as on Azure (or $BATCHSPEC_LOCAL_SPEED)",
    )
    parser.add_argument(
        "--containers",
        choices=("engine", "host"),
        default=os.environ.get("BATCHSPEC_LOCAL_CONTAINERS", ""),
        help="tasks with a container run by podman or docker, or on this machine itself without one "
        "(or $BATCHSPEC_LOCAL_CONTAINERS; else as the installation has it)",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
