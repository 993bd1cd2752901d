"""Reports of runs that never were."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from batchspec.engine.history.author import Author
from batchspec.engine.history.record import Failures, Run, Usage
from batchspec.engine.history.trace import Trace, Traced
from batchspec.engine.report import Report
from batchspec.resources.task import Recipe, task_id, task_key

BEGAN = datetime(2026, 11, 29, 9, tzinfo=UTC)
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>{{ 7 * 7 }}&\x1b[31m.mov'
_SECONDS = {"encode": 200, "probe": 20, "merge": 600}


def report_of(tasks: int, nodes: int, *, file: str = "clip.mov") -> Report:
    """A report on so many tasks, the fifth of every fifty failed, that ran one at a time on so many nodes."""
    trace = Trace()
    trace.add(traces(tasks, nodes, file))
    failed = trace.failed_for("exit code 1")
    ended = max(row.ended or BEGAN for row in trace)
    run = Run(
        "20261129T090000Z-abc123", BEGAN, ended, Author("ann", "0123456789" * 4, "1.0"), "specs/work.yaml", ("job",),
        "pool", "Standard_D2ds_v5", False, tasks - len(failed), len(failed), 0, 0, 0, 12, 3, 4,
    )  # fmt: skip
    hours = nodes * (ended - BEGAN).total_seconds() / 3600
    lines = (f"cannot read {file}", "… 12 more lines …", "Conversion failed!")
    failures = Failures("exit code 1", len(failed), tuple(row.name for row in failed)[:20], lines)
    usage = Usage(0.0, hours, 12.34, "USD", "", (failures,))
    return Report("video", "contoso.westeurope", ended, (run,), (run,), (), trace, (usage,), (failures,))


def traces(tasks: int, nodes: int, file: str = "clip.mov") -> list[Traced]:
    """How the tasks ran: each on the node that is free first."""
    chance = random.Random(4)
    free = [(BEGAN + timedelta(seconds=90 + 7 * node), node) for node in range(nodes)]
    rows = []
    for number in range(tasks):
        started, node = heappop(free)
        group = list(_SECONDS)[3 * number // tasks]
        ended = started + timedelta(seconds=_SECONDS[group] * chance.lognormvariate(0, 0.5))
        heappush(free, (ended, node))
        name, is_bad = f"{number}/{file}", number % 50 == 4
        id = task_id(task_key(group, name, "clip"), Recipe("0" * 32, "1" * 32))
        state, failure = ("failed", "exit code 1") if is_bad else ("succeeded", "")
        ran = (int(is_bad), 1, f"tvmps_{node:064x}_p", BEGAN, started, ended)
        sizes = (10_000_000, None if is_bad else 5_000_000)
        rows.append(Traced(id, f"{group}/{name}", group, name, {}, state, failure, *ran, *sizes))
    return rows
