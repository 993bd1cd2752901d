"""What may come over a local account of a test's own while it is switched off: another storage key, and time.

Tasks that ran are run again when it is on again, as after any end of the local account.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from batchspec.emulator.state.clock import TICKS_PER_S, Clock
from batchspec.service import embedded

from .workload import Workload

LINKS_LAST = timedelta(days=7)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_TICKS = ("created", "modified", "state_time", "previous_time", "start_time", "end_time", "files_until")


@contextmanager
def switched_off(workload: Workload) -> Iterator[Path]:
    """Within it, the local account of *workload*, whose home this is, does not run."""
    embedded.stop()
    yield workload.account.home
    workload.account = embedded.ensure(lambda _: None)


def rotate_key(home: Path) -> None:
    """The storage account has another key, as after `az storage account keys renew`."""
    file = home / "config.json"
    config = json.loads(file.read_text())
    config["storage_key"] = base64.b64encode(secrets.token_bytes(64)).decode()
    file.write_text(json.dumps(config))


def let_time_pass(home: Path, by: timedelta) -> None:
    """All that the account remembers is *by* longer ago, and links that have ended by then are refused.

    No clock is moved: those of the command, of Batch, of Storage and of the tasks agree all along, as
    they do where time does pass.
    """
    with closing(sqlite3.connect(home / "batch" / "batch.sqlite")) as database, database:
        database.create_function("earlier", 1, lambda text: earlier(text, by))
        database.execute("UPDATE documents SET body = earlier(body)")
        for column in _TICKS:
            database.execute(f"UPDATE tasks SET {column} = {column} - ?", [_ticks(by)])
        # A link is as old as its task. Its end is signed: Storage refuses another one, as it does one that has come.
        ended = "CAST(replace(CAST(body AS TEXT), '&se=2', '&se=1') AS BLOB)"
        database.execute(
            f"UPDATE tasks SET body = {ended} WHERE created < ?", [Clock().now() - _ticks(LINKS_LAST)]
        )
    leases = home / "blob" / "__azurite_db_blob__.json"
    leases.write_text(earlier(leases.read_text(), by))


def earlier(text: str, by: timedelta) -> str:
    """*text* with each time in it *by* earlier."""
    return _TIME.sub(lambda found: f"{datetime.fromisoformat(found[0]) - by:%Y-%m-%dT%H:%M:%S.%fZ}", text)


def _ticks(duration: timedelta) -> int:
    return int(duration.total_seconds()) * TICKS_PER_S
