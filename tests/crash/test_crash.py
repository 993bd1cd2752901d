"""The crash matrix itself: some of its points, and what it says of them."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]

# One of each kind of step. In full: `python -m tests.crash`, as CONTRIBUTING has it.
POINTS = (
    "first: after PUT /batchspeclocal/output/NAME/.batchspec/lock?comp=lease #1",
    "first: before PUT /batchspeclocal/input/NAME/.batchspec/files/MD5/clips/large?comp=block #1",
    "first: after POST /pools #1",
    "first: before POST /jobs #1",
    "first: before POST /jobs/NAME-job/addtaskcollection #2",
    "first: after PATCH /jobs/NAME-job #1",
    "first: after GET /jobs/NAME-job/taskcounts #1",
    "first: before GET /batchspeclocal/output/NAME/large.copy #2",
    "chain: after POST /jobs/NAME-job-2/addtaskcollection #1",
)


def test_4_10_r23_r25_killed_at_a_call_of_each_kind_the_same_apply_makes_it_whole() -> None:
    """Every point passes, the command says how many there were, and its exit code says that all is well."""
    words = [word for point in POINTS for word in ("--point", point)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = r"crash matrix: 9 points, 9 passed \(100.0 %\), 0 not reached, \d+ s"
    assert re.fullmatch(said, done.stdout.splitlines()[-1]), done.stdout
