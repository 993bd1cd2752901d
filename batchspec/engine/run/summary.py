"""How a run ended: what succeeded, what failed and why, where the outputs are, what still costs money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from batchspec.cost.estimate import Estimate, Used
from batchspec.cost.nodes import Nodes, nodes_asked
from batchspec.cost.rates import money
from batchspec.desired.bodies.wrapper import strays_in
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.health.nodes import look_there
from batchspec.engine.health.wrote import excerpt
from batchspec.engine.look.links import links_last, what_now
from batchspec.engine.run.detached import late_stages, needs_client, unwatched
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.progress.outcome import Failed, Outcome
from batchspec.engine.run.progress.result import MISSING, expected
from batchspec.engine.run.written import task_output
from batchspec.events import FailureGroup, SummaryEvent
from batchspec.language.model import Pool, Spec
from batchspec.resources.base import Json
from batchspec.resources.pool import nodes_of, target_nodes
from batchspec.resources.task import CANCELLED, NOT_RUN
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_MANY_PREEMPTIONS = 3  # and more than there are Spot nodes: each was taken away more than once
_NAMED = 1000
_PATHS = 3
_NAMED_STRAYS = 5


def with_earlier(earlier: SummaryEvent, now: SummaryEvent) -> SummaryEvent:
    """The summary of a run that is the next round of one that had *earlier*."""
    sums = (
        "succeeded",
        "failed",
        "cancelled",
        "not_run",
        "uploaded",
        "uploaded_bytes",
        "downloaded",
        "preempted",
        "requeued",
    )
    added = {name: getattr(earlier, name) + getattr(now, name) for name in sums}
    seconds = {
        step: earlier.seconds.get(step, 0.0) + now.seconds.get(step, 0.0)
        for step in {**earlier.seconds, **now.seconds}
    }
    return replace(
        now,
        **added,
        up_to_date=max(0, now.up_to_date - earlier.succeeded),
        seconds=seconds,
        failures=(*earlier.failures, *now.failures),
        advice=tuple(dict.fromkeys((*earlier.advice, *now.advice))),
        used=_together(earlier.used, now.used),
    )


def _together(earlier: Used | None, now: Used | None) -> Used | None:
    """The node hours of both."""
    if earlier is None or now is None:
        return now
    return now._replace(hours=Nodes(*map(sum, zip(earlier.hours, now.hours, strict=True))))


def summarize(conduct: Conduct, failures: tuple[FailureGroup, ...]) -> SummaryEvent:
    """The summary of a run with these *failures*."""
    spec, plan, outcome = conduct.spec, conduct.plan, conduct.outcome
    places = Places.of(spec)
    return SummaryEvent(
        spec=spec.name,
        succeeded=outcome.succeeded,
        failed=outcome.failed + outcome.refused,
        cancelled=outcome.cancelled,
        not_run=outcome.not_run,
        up_to_date=plan.work.up_to_date,
        uploaded=outcome.uploaded,
        uploaded_bytes=outcome.uploaded_bytes,
        downloaded=outcome.downloaded,
        kept=outcome.kept,
        downloads_to=places.download_text,
        outputs_in=f"{places.output}/{places.root}",
        seconds={step: spent for step, spent in outcome.seconds.items() if spent >= 0},
        failures=failures,
        still_there=tuple(
            still_there(
                conduct.account,
                spec,
                list(outcome.followed)[-1],
                plan.cost,
                detached=outcome.detached,
            )
        ),
        detached=outcome.detached,
        preempted=outcome.preempted,
        requeued=outcome.requeued,
        advice=(*advised(spec, outcome), *_unrenewed(conduct), *_strays(conduct)),
        used=Used(outcome.node_hours.total, plan.cost.rates_of(outcome.vm_size)) if plan.cost else None,
    )


def advised(spec: Spec, outcome: Outcome) -> Iterator[str]:
    """What would have gone better, and what is left to do."""
    if outcome.detached:
        yield from unwatched(spec)
    if node := outcome.node_where_tasks_fail():
        yield look_there(node, spec)
    if (
        outcome.preempted > _MANY_PREEMPTIONS
        and spec.pool
        and outcome.preempted > nodes_asked(spec.pool.body).spot
    ):
        yield "many Spot nodes were preempted: dedicated ones (pool.targetDedicatedNodes) would finish sooner"


def _unrenewed(conduct: Conduct) -> Iterator[str]:
    """When stages that start late would fail in a job that was left."""
    if conduct.outcome.detached:
        yield from late_stages(conduct.spec, links_last(conduct.account, conduct.spec))


def _strays(conduct: Conduct) -> Iterator[str]:
    """Files that tasks left in `out/` and no output takes. One task of a group shows what all of them do."""
    account, spec = conduct.account, conduct.spec
    for group in spec.groups:
        done = conduct.outcome.one_that_succeeded(group)
        if done is not None and not group.command.line:
            said = task_output(account, spec, done.job_id, done.id, "stderr.txt") or ""
            names = strays_in(said)
            if names:
                what = ", ".join(names[:_NAMED_STRAYS]) + (", …" if len(names) > _NAMED_STRAYS else "")
                yield f"{done.task.name} left {what} behind, which is not part of an output and was not kept"


def failures_of(conduct: Conduct) -> Iterator[FailureGroup]:
    """Failures by their reason, each with the first and last lines of one task's stderr."""
    for reason, count in conduct.outcome.reasons():
        failed = list(islice(conduct.outcome.failed_for(reason), _NAMED))
        said = ""
        ran = reason != CANCELLED and not reason.startswith(NOT_RUN)
        if ran and failed[0].job_id is not None:  # one that was refused has no files
            file = _telling(reason)
            said = task_output(conduct.account, conduct.spec, failed[0].job_id, failed[0].id, file) or ""
        wrote = excerpt(said)
        yield FailureGroup(
            reason=_in_full(conduct.desired, reason, failed),
            count=count,
            tasks=tuple(task.id for task in failed),
            names=tuple(task.task.name for task in failed),
            first_lines=wrote.first,
            left_out=wrote.left_out,
            last_lines=wrote.last,
            help=what_now(conduct.spec, reason),
            ran=ran,
        )


def _in_full(desired: Desired, reason: str, failed: Sequence[Failed]) -> str:
    """*reason*, with the paths of the first outputs that are missing."""
    if reason != MISSING:
        return reason
    paths = list(dict.fromkeys(expected(desired, task.task) for task in failed[:_PATHS]))
    return f"{reason}: {', '.join(paths)}" + (", …" if len(failed) > _PATHS else "")


def _telling(reason: str) -> str:
    """The file of a task that says more about why it failed."""
    return "fileuploaderr.txt" if reason.startswith("FileUpload") else "stderr.txt"


def still_there(
    account: Account, spec: Spec, job_id: str, cost: Estimate | None = None, *, detached: bool
) -> list[str]:
    """What is left in the account, what it costs by the prices of *cost*, and until when."""
    found = []
    if spec.pool is not None and (live := pool_service.read(account.batch, spec.pool.id)):
        has, wanted = nodes_of(live), max(nodes_of(live), target_nodes(live))
        number = str(has) if has == wanted else f"{has} of {wanted}"
        until = _until(account, spec.pool, live, cost, detached)
        found.append(f"pool {spec.pool.id} with {number} {'node' if wanted == 1 else 'nodes'}{until}")
    if job_id and job_service.state(account.batch, job_id) not in (None, "deleting"):
        found.append(f"job {job_id}")
    return found


def _until(account: Account, pool: Pool, live: Json, cost: Estimate | None, detached: bool) -> str:
    """What becomes of the pool's nodes, and what they cost until then."""
    if pool.existing:
        return ", which this spec only uses"
    if not (nodes_of(live) or target_nodes(live)):
        return ""
    if not target_nodes(live) and live.get("allocationState") == "resizing":
        return ", which are being removed"
    return f"; its nodes {_costs(account, live, cost)} and stay until {_end_of(pool, live, detached)}"


def _costs(account: Account, live: Json, cost: Estimate | None) -> str:
    """What the nodes of the pool cost that are there, or asked for."""
    kinds = ("DedicatedNodes", "LowPriorityNodes")
    most = Nodes(
        *(max(int(live.get(f"{which}{kind}") or 0) for which in ("current", "target")) for kind in kinds)
    )
    rates = cost.rates_of(str(live.get("vmSize", ""))) if cost else None
    if rates is None or rates.unknown(most):
        return account.offer.costs
    return f"cost about {money(rates.cost(most), rates)} per hour"


def _end_of(pool: Pool, live: Json, detached: bool) -> str:
    """What takes the nodes of the pool away."""
    if detached and needs_client(pool):
        return f"the next apply after the tasks (whenDone: {pool.when_done.value})"
    formula = live.get("enableAutoScale")
    return "the autoscale formula removes them" if formula else "the pool is resized or deleted"
