"""`python -m batchspec.emulator --home DIR`: the local account's process, in the foreground."""

import argparse
import sys
from pathlib import Path

from batchspec.emulator.installation import LocalAccountError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m batchspec.emulator", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="the installation's folder")
    parser.add_argument(
        "--idle-s",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="end after so long without work or requests (600)",
    )
    options = parser.parse_args()
    from batchspec.emulator import daemon  # after --help: it brings in the web server

    try:
        return daemon.run(options.home, options.idle_s)
    except LocalAccountError as error:
        sys.stderr.write(f"error: {error}\n  {error.help}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
