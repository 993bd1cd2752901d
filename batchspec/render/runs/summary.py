"""How a run ended, as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.counts import count_text, times_text
from batchspec.engine.health.wrote import Wrote
from batchspec.events import SummaryEvent
from batchspec.render.cost import used_text
from batchspec.render.plans.as_download import KEPT
from batchspec.render.show import page
from batchspec.render.values import size_text

_NAMED = 5
"""How many failed tasks are named for each reason."""


def summary_text(summary: SummaryEvent, arguments: str) -> str:
    """How a run ended, and what to do next."""
    return page(_summary(summary, arguments))


def _summary(summary: SummaryEvent, arguments: str) -> Iterator[str]:
    yield ""
    yield _result(summary)
    for group in summary.failures:
        names = ", ".join(group.names[:_NAMED])
        more = f" and {group.count - _NAMED} more" if group.count > _NAMED else ""
        yield f"  {group.count} {'failed: ' if group.ran else ''}{group.reason}"
        yield f"      {names}{more}"
        if not group.ran:
            continue
        yield from (
            f"      | {line}" for line in Wrote(group.first_lines, group.left_out, group.last_lines).lines
        )
        if group.help:
            yield f"      help: {group.help}"
        yield f"      full log: batchspec logs {group.tasks[0]} --spec {arguments}"
    if summary.uploaded:
        yield f"  uploaded    {count_text(summary.uploaded, 'file')}, {size_text(summary.uploaded_bytes)}"
    if summary.downloads_to is not None:
        yield f"  outputs     {summary.downloads_to} ({count_text(summary.downloaded, 'file')} fetched)"
    if summary.kept:
        what = count_text(summary.kept, "local file")
        yield f"  kept        {what} {KEPT}"
    yield f"  in storage  container {summary.outputs_in}"
    if summary.seconds:
        spent = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in summary.seconds.items())
        yield f"  times       {spent}"
    if summary.used is not None and any(summary.used.hours):
        yield f"  nodes       {used_text(summary.used)}"
    if summary.preempted:
        again = count_text(summary.requeued, "task")
        yield f"  preempted   {times_text(summary.preempted)}; {again} requeued (not counted as failures)"
    for advice in summary.advice:
        yield f"  advice      {advice}"
    for what in summary.still_there:
        yield f"  still there {what}"
    if summary.detached:
        yield f"  look again  batchspec status --watch {arguments}"
    if summary.still_there:
        yield f"  remove it   batchspec destroy {arguments}  (--outputs: those in storage too)"


def _result(summary: SummaryEvent) -> str:
    unchanged = f", {summary.up_to_date} up to date" if summary.up_to_date else ""
    if summary.detached:
        return f"{summary.spec}: left running; {count_text(summary.succeeded, 'task')} succeeded so far{unchanged}."
    if summary.failed or summary.cancelled:
        bad = {"failed": summary.failed, "cancelled": summary.cancelled, "not run": summary.not_run}
        counts = ", ".join(f"{count} {how}" for how, count in bad.items() if count)
        return f"{summary.spec}: {counts}, {summary.succeeded} succeeded{unchanged}."
    if not summary.succeeded:
        return f"{summary.spec}: done; no task had to run{unchanged}."
    every = "all " if summary.succeeded > 1 else ""
    return f"{summary.spec}: {every}{count_text(summary.succeeded, 'task')} succeeded{unchanged}."
