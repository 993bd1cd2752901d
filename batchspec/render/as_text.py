"""Plans and summaries as people read them: 80 columns, no colour needed, safe against hostile names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from batchspec.engine.run.events import SummaryEvent
from batchspec.ledger.database import Many
from batchspec.plan.model import Action, Kind, Operation, Plan, Reason, Run
from batchspec.render.judgement import judgement, verdict
from batchspec.render.show import show
from batchspec.resources.base import Change
from batchspec.source import Diagnostic, path_text

SHOWN_OF_EACH = 5
"""How many uploads, tasks and downloads a plan lists without `--all`."""

_PLACE_COLUMN = 58
_LONGEST_VALUE = 66
_WIDTH = 80

Command = Callable[[Run], str]
"""The rendered command line of a run, for the plan to show."""


def plan_text(
    plan: Plan, command: Command, *, show_all: bool = False, warnings: Sequence[Diagnostic] = ()
) -> str:
    """*plan* with every action's sign, reason and line; unchanged things are counted only.

    *warnings* are the spec's, and shown elsewhere: what they take for a secret is hidden.
    """
    lines = [
        *_resources(plan),
        *_inputs(plan, show_all),
        *_deletions(plan),
        *_runs(plan, command, show_all),
        *_downloads(plan, show_all),
        *_unchanged(plan),
        *judgement(plan, warnings),
    ]
    end = [counts_text(plan), *filter(None, [verdict(plan)])]
    return "\n".join([*lines, "", *end]) + "\n"


def counts_text(plan: Plan) -> str:
    """The last line of a plan: how many of each."""
    counts = plan.counts()
    words = {
        Operation.UPLOAD: "to upload",
        Operation.CREATE: "to create",
        Operation.UPDATE: "to update",
        Operation.REPLACE: "to replace",
        Operation.RUN: "to run",
        Operation.DOWNLOAD: "to download",
        Operation.DELETE: "to delete",
    }
    said = [f"{counts[operation]} {word}" for operation, word in words.items() if counts[operation]]
    if plan.work.in_progress:
        said.append(f"{len(plan.work.in_progress)} in progress")
    if not said:
        return f"No changes: {_tasks(plan.work.up_to_date)} up to date."
    return f"Plan: {', '.join(said)}; {_tasks(plan.work.up_to_date)} up to date."


def _tasks(count: int) -> str:
    return f"{count} task" + ("" if count == 1 else "s")


def _files(count: int) -> str:
    return f"{count} file" + ("" if count == 1 else "s")


def _resources(plan: Plan) -> Iterator[str]:
    for action in (*plan.of(Kind.POOL), *plan.of(Kind.JOB)):
        yield _line(action, f"{action.kind.value} {show(action.id)}", action.reason.value)
        for change in action.changes:
            yield from _change(change)
        for what in action.interrupts:
            yield f"      ! {what}"
        for note in action.notes:
            yield f"      · {note}"


def _line(action: Action, what: str, why: str) -> str:
    left = f"  {action.operation.value} {what}"
    return f"{left:<{_PLACE_COLUMN - len(why) - 2}}  {why}  {show(action.place)}".rstrip()


def _change(change: Change) -> Iterator[str]:
    """A field's old and new value and what the change does; long values on lines of their own."""
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    name, effect = f"      {sign} {path_text(change.path)}", f"({change.effect.value})"
    before, after = _value(change.before), _value(change.after)
    whole = f"{name}  {before} -> {after}    {effect}"
    if len(whole) <= _WIDTH:
        yield whole
    else:
        yield f"{name}  {effect}"
        yield f"             {before}"
        yield f"          -> {after}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = show(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _inputs(plan: Plan, show_all: bool) -> Iterator[str]:
    actions = plan.upload_actions
    if actions:
        yield f"  ^ {len(actions)} input{'s' if len(actions) > 1 else ''}, {size_text(plan.work.upload_bytes)}"
        yield from _some(actions, show_all, lambda a: [_detail(a, a.id, size_text(int(a.detail)))])


def _deletions(plan: Plan) -> Iterator[str]:
    for action in plan.deletion_actions:
        yield _line(action, f"task {show(action.id)}", action.reason.value)
        for what in action.interrupts:
            yield f"      ! {what}"


def _runs(plan: Plan, command: Command, show_all: bool) -> Iterator[str]:
    if not plan.work.runs:
        return
    yield f"  > {_tasks(len(plan.work.runs))} in job {show(plan.job_id)}"
    commands = map(command, plan.work.runs)

    def entry(action: Action) -> list[str]:
        return [_detail(action, action.detail), f"        {show(next(commands))}"]

    yield from _some(plan.run_actions, show_all, entry)


def _downloads(plan: Plan, show_all: bool) -> Iterator[str]:
    actions = plan.download_actions
    if actions:
        yield f"  v {len(actions)} output{'s' if len(actions) > 1 else ''} to bring home"
        yield from _some(actions, show_all, lambda action: [_detail(action, action.id)])


def _unchanged(plan: Plan) -> Iterator[str]:
    if plan.work.up_to_date:
        yield f"  = {_tasks(plan.work.up_to_date)} up to date"
    if plan.work.in_progress:
        yield f"  = {_tasks(len(plan.work.in_progress))} in progress"
    if plan.work.orphans:
        yield f"  = {plan.work.orphans} outputs kept whose input is {Reason.LEFT_SPEC.value}"


def _detail(action: Action, name: str, extra: str = "") -> str:
    left = f"      {action.operation.value} {show(name)}" + (f"  {extra}" if extra else "")
    why = action.reason.value
    return f"{left:<{_PLACE_COLUMN - len(why) - 2}}  {why}  {show(action.place)}"


def _some(actions: Many[Action], show_all: bool, entry: Callable[[Action], list[str]]) -> Iterator[str]:
    shown = len(actions) if show_all else min(SHOWN_OF_EACH, len(actions))
    for action in islice(actions, shown):
        yield from entry(action)
    if shown < len(actions):
        yield f"      … {len(actions) - shown} more (--all)"


def summary_text(summary: SummaryEvent, arguments: str) -> str:
    """How a run ended, and what to do next."""
    return "\n".join(_summary(summary, arguments)) + "\n"


def _summary(summary: SummaryEvent, arguments: str) -> Iterator[str]:
    yield ""
    yield _result(summary)
    for group in summary.failures:
        names = ", ".join(show(name) for name in group.names[:SHOWN_OF_EACH])
        more = f" and {group.count - SHOWN_OF_EACH} more" if group.count > SHOWN_OF_EACH else ""
        yield f"  {group.count} failed: {show(group.reason)}"
        yield f"      {names}{more}"
        yield from (f"      | {show(line)}" for line in group.last_lines)
        if group.help:
            yield f"      help: {show(group.help)}"
        yield f"      all of it: batchspec logs {group.tasks[0]} --spec {show(arguments)}"
    if summary.uploaded:
        yield f"  uploaded    {_files(summary.uploaded)}, {size_text(summary.uploaded_bytes)}"
    if summary.downloads_to is not None:
        yield f"  outputs     {show(summary.downloads_to)} ({_files(summary.downloaded)} fetched)"
    yield f"  in storage  container {show(summary.outputs_in)}"
    if summary.seconds:
        spent = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in summary.seconds.items())
        yield f"  times       {spent}"
    if summary.preempted:
        yield f"  preempted   {_times(summary.preempted)}; {_tasks(summary.requeued)} ran again, which is no failure"
    for advice in summary.advice:
        yield f"  advice      {show(advice)}"
    for what in summary.still_there:
        yield f"  still there {show(what)}"
    if summary.detached:
        yield f"  look again  batchspec status --watch {show(arguments)}"
    if summary.still_there:
        yield f"  remove it   batchspec destroy {show(arguments)}  (--outputs: those in storage too)"


def _result(summary: SummaryEvent) -> str:
    unchanged = f", {summary.up_to_date} up to date" if summary.up_to_date else ""
    if summary.detached:
        return f"{summary.spec}: left running; {summary.succeeded} tasks ended well so far{unchanged}."
    if summary.failed:
        return f"{summary.spec}: {summary.failed} failed, {summary.succeeded} succeeded{unchanged}."
    if not summary.succeeded:
        return f"{summary.spec}: done; no task had to run{unchanged}."
    every = "all " if summary.succeeded > 1 else ""
    return f"{summary.spec}: {every}{_tasks(summary.succeeded)} succeeded{unchanged}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def size_text(size_bytes: int) -> str:
    """A size as people write it: 512 B, 4.7 kB, 41.2 MB."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
