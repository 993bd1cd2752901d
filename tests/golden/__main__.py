"""`python -m tests.golden`: records anew the bodies of the golden file, and specs that it does not have.

It refuses to change the id, fingerprint, record or output of a task that is recorded, or to drop a
spec; `--except SPEC` lets one spec change, where that is the purpose of a commit.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden import golden
from tests.golden.project import lay_out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("--except", dest="excepted", metavar="SPEC", action="append", default=[])
    excepted = parser.parse_args().excepted
    with TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        lay_out(Path(folder))
        entries = golden.made(Path(folder))
    if refused := [spec for spec in golden.changed(golden.recorded(), entries) if spec not in excepted]:
        print(
            "an id, fingerprint, record or output would change, and nothing is written:", *refused, sep="\n  "
        )
        return 1
    golden.write(entries)
    return 0


sys.exit(main())
