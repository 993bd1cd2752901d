"""On a terminal, `apply` to Azure asks before the first node costs money."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping

from main_job.workload import BATCHSPEC, Ended, Workload

ASKS = '2 Spot nodes will start and cost money. Type "yes" to continue:'


def _answered(workload: Workload, answer: str, *words: str, env: Mapping[str, str]) -> Ended:
    """How an apply ends whose stdin is a terminal, where somebody types *answer*."""
    person, theirs = pty.openpty()
    try:
        os.write(person, f"{answer}\n".encode())
        ended = subprocess.run(
            [*BATCHSPEC, "apply", "specs/ffmpeg.yaml", "--detach", *words],
            cwd=workload.folder,
            env=os.environ | env,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.close(person)
        os.close(theirs)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_only_yes_starts_the_first_nodes(bare: Workload) -> None:
    """With another word nothing is there; with `yes` they start, and nobody is asked again while they are there."""
    bare.write_copies()
    account = bare.account
    azure = {
        "AZURE_BATCH_ACCOUNT": account.batch_account,
        "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
        "AZURE_BATCH_ACCESS_KEY": account.batch_key,
        "AZURE_STORAGE_CONNECTION_STRING": account.connection_string,
        "CI": "",
    }
    refused = _answered(bare, "n", env=azure)
    assert (refused.code, ASKS in refused.err, bare.pool()) == (4, True, None)
    assert 'error: nothing was changed: the answer was not "yes"\n  help: add --auto-approve' in refused.err
    agreed = _answered(bare, "yes", env=azure)
    assert (agreed.code, ASKS in agreed.err) == (0, True)
    (bare.clips / "c").write_text("c")
    resumed = _answered(bare, "no", env=azure)
    assert (resumed.code, 'Type "yes"' in resumed.err) == (0, False)
