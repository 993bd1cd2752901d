"""The record that a run leaves of itself; see `engine/history`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from secrets import token_hex

from batchspec.desired.places import Places
from batchspec.engine.health.wrote import Wrote
from batchspec.engine.history.record import Failures, Run, Usage, write_record
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.errors import BatchspecError
from batchspec.events import FailureGroup, NoteEvent
from batchspec.plan.model import Kind, Operation

_MAKES = (Operation.CREATE, Operation.REPLACE)
_MOST_REASONS = 50
_NAMED = 20
_LONGEST = 150  # as metadata of a blob, which holds 8 kB


def leave_record(conduct: Conduct, failures: Iterable[FailureGroup] = (), problem: str = "") -> None:
    """Leaves the record of the run as it stands; *problem* is what ends it early. Without one the run is as good."""
    usage = _usage(conduct)._replace(failures=tuple(map(_failures, islice(failures, _MOST_REASONS))))
    try:
        write_record(
            conduct.account, Places.of(conduct.spec), _run(conduct, problem), usage, conduct.outcome.traced()
        )
    except (BatchspecError, OSError) as error:
        conduct.tell(NoteEvent(f"no record of this run was left for `report`: {error}", warning=True))


def _usage(conduct: Conduct) -> Usage:
    hours, cost = conduct.outcome.node_hours.total, conduct.plan.cost
    if cost is None:
        return Usage(hours.dedicated, hours.spot)
    rates = cost.rates_of(conduct.outcome.vm_size)
    return Usage(hours.dedicated, hours.spot, rates.cost(hours), rates.currency, rates.unknown(hours))


def _run(conduct: Conduct, problem: str) -> Run:
    outcome, pool = conduct.outcome, conduct.spec.pool
    ended = outcome.ended.total()
    return Run(
        id=f"{outcome.began:%Y%m%dT%H%M%SZ}-{token_hex(3)}",
        began=outcome.began,
        ended=datetime.now(UTC),
        author=conduct.author,
        file=conduct.spec.file[-_LONGEST:],
        jobs=tuple(filter(None, outcome.followed)),
        pool=pool.id if pool else "",
        vm_size=outcome.vm_size or str((conduct.desired.pool or {}).get("vmSize", "")),
        resumes=not any(action.operation in _MAKES for action in conduct.plan.of(Kind.JOB)),
        succeeded=outcome.succeeded,
        failed=outcome.failed + outcome.refused,
        not_run=outcome.not_run,
        cancelled=outcome.cancelled,
        unfinished=outcome.followed.total() - ended,
        up_to_date=conduct.plan.work.up_to_date,
        preempted=outcome.preempted,
        requeued=outcome.requeued,
        problem=problem.partition("\n")[0][:_LONGEST],
    )


def _failures(group: FailureGroup) -> Failures:
    wrote = Wrote(group.first_lines, group.left_out, group.last_lines)
    return Failures(group.reason, group.count, group.names[:_NAMED], wrote.lines)
