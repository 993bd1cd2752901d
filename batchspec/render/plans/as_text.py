"""Plans as people read them: 80 columns, no colour needed, safe against hostile names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from textwrap import wrap
from typing import NamedTuple

from batchspec.counts import count_text
from batchspec.ledger.database import Many
from batchspec.plan.model import Action, Kept, Kind, Operation, Plan, Reason, Stray
from batchspec.render.cost import estimate_text, hourly_text
from batchspec.render.findings.judgement import judgement, verdict
from batchspec.render.show import padded, page
from batchspec.render.values import both_texts, fields_of, size_text, text_windows, value_lines
from batchspec.resources.base import Change, Json
from batchspec.source import Diagnostic, path_text

SHOWN_OF_EACH = 5
"""How many uploads, tasks and downloads a plan lists without `--all`."""

_PLACE_COLUMN = 58
_WIDTH = 80

_AFTERWARDS = {
    "keep": "stays after the run",
    "zero": "is scaled to 0 nodes after the run",
    "delete": "is deleted after the run",
}
"""What becomes of the pool, by whenDone."""

_DETACHED = ", but not with --detach"


def plan_text(plan: Plan, *, show_all: bool = False, warnings: Sequence[Diagnostic] = ()) -> str:
    """*plan* with every action's sign, reason and line; unchanged things are counted only.

    *warnings* are the spec's, and shown elsewhere: what they take for a secret is hidden.
    """
    lines = chain.from_iterable(section.lines for section in sections(plan, show_all=show_all))
    end = [counts_text(plan), *filter(None, [verdict(plan)])]
    return page([*lines, *_cost(plan), *judgement(plan, warnings), "", *end])


class Section(NamedTuple):
    """A part of a plan. Its lines are made as they are read: there may be millions."""

    title: str
    lines: Iterator[str]


def sections(plan: Plan, *, show_all: bool) -> Iterator[Section]:
    """The actions of *plan*, and what it leaves alone; with *show_all* every upload, task and download."""
    stays = (_unchanged(plan), _kept(plan, show_all), _stale(plan, show_all))
    yield Section("pool, job and packages", _resources(plan))
    yield Section(f"{count_text(len(plan.upload_actions), 'input')} to upload", _inputs(plan, show_all))
    yield Section(f"{count_text(len(plan.copy_actions), 'output')} to copy", _copies(plan, show_all))
    yield Section(f"{_tasks(len(plan.deletion_actions))} to delete", _deletions(plan))
    yield Section(f"{_tasks(len(plan.run_actions))} to run", _runs(plan, show_all))
    yield Section("tasks that are not known yet", _open(plan))
    yield Section("published files to delete", _unpublished(plan))
    yield Section(
        f"{count_text(len(plan.download_actions), 'output')} to download", _downloads(plan, show_all)
    )
    yield Section("what stays as it is", chain.from_iterable(stays))
    yield Section("no longer in the spec", _strays(plan))
    yield Section("notes", _unnoted(plan))


def counts_text(plan: Plan) -> str:
    """The last line of a plan: how many of each."""
    counts = plan.counts()
    words = {
        Operation.UPLOAD: "to upload",
        Operation.COPY: "to copy",
        Operation.CREATE: "to create",
        Operation.UPDATE: "to update",
        Operation.REPLACE: "to replace",
        Operation.RUN: "to run",
        Operation.DOWNLOAD: "to download",
        Operation.DELETE: "to delete",
    }
    said = [f"{counts[operation]} {word}" for operation, word in words.items() if counts[operation]]
    if plan.in_progress:
        said.append(f"{len(plan.in_progress)} in progress")
    if plan.work.unpublished:
        said.append(f"{count_text(len(plan.work.unpublished), 'published file')} to delete")
    if plan.work.open:
        said.append(f"up to {sum(found.most for found in plan.work.open):,} more in later rounds")
    rest = f"{_tasks(plan.work.up_to_date)} up to date"
    if plan.work.not_selected:
        rest += f", {plan.work.not_selected} not selected"
    return f"Plan: {', '.join(said)}; {rest}." if said else f"No changes: {rest}."


def _tasks(count: int) -> str:
    return count_text(count, "task")


def _resources(plan: Plan) -> Iterator[str]:
    shown = (Kind.SPEC, Kind.PACKAGE, Kind.POOL, Kind.JOB)
    for action in (action for kind in shown for action in plan.of(kind)):
        yield _line(action, f"{action.kind.value} {action.id}", action.reason.value)
        if action.operation is Operation.CREATE:
            yield from _fields(action.after or {})
        for change in action.changes:
            yield from _change(change)
        for what in action.interrupts:
            yield f"      ! {what}"
        for note in action.notes:
            yield f"      · {note}"
        if action.kind is Kind.POOL:
            yield from _afterwards(plan, "      · it")
    if not plan.of(Kind.POOL):
        yield from _afterwards(plan, "  · the pool")


def _afterwards(plan: Plan, who: str) -> Iterator[str]:
    """What becomes of the pool when the run is over. That one stays which was there before goes without saying."""
    terms = plan.terms.get("pool", {})
    when_done = terms.get("whenDone")
    if terms.get("autoscales"):
        yield f"{who} is scaled by its autoscale formula, after the run too (whenDone: {when_done} adds nothing)"
        return
    if when_done is not None and (plan.creates(Kind.POOL) or when_done != "keep"):
        detached = "" if when_done == "keep" else _DETACHED
        yield f"{who} {_AFTERWARDS[when_done]} (whenDone: {when_done}){detached}"


def _line(action: Action, what: str, why: str) -> str:
    left = f"  {action.operation.value} {what}"
    return f"{padded(left, _PLACE_COLUMN - len(why) - 2)}  {why}  {action.place}".rstrip()


def _fields(body: Json) -> Iterator[str]:
    """What a thing is made with; long values on lines of their own."""
    for path, value in fields_of(body):
        name, lines = f"      + {path}", value_lines(value)
        if len(lines) == 1 and len(name) + len(lines[0]) + 2 <= _WIDTH:
            yield f"{name}  {lines[0]}"
        else:
            yield name
            yield from (f"          {line}" for line in lines)


def _change(change: Change) -> Iterator[str]:
    """A field's old and new value and what the change does; long values on lines of their own."""
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    name, effect = f"      {sign} {path_text(change.path)}", f"({change.effect.value})"
    before, after = both_texts(change.before, change.after)
    whole = f"{name}  {before} -> {after}    {effect}"
    if len(whole) <= _WIDTH:
        yield whole
    else:
        yield f"{name}  {effect}"
        yield f"             {before}"
        yield f"          -> {after}"


def _inputs(plan: Plan, show_all: bool) -> Iterator[str]:
    actions = plan.upload_actions
    if actions:
        yield f"  ^ {count_text(len(actions), 'input')}, {size_text(plan.work.upload_bytes)}"
        yield from _some(actions, show_all, lambda action: [_upload(action)])


def _upload(action: Action) -> str:
    after = action.after or {}
    together = f", {count_text(after['files'], 'file')} in one archive" if "files" in after else ""
    return _detail(action, after["name"], f"{size_text(after['size'])}{together}")


def _copies(plan: Plan, show_all: bool) -> Iterator[str]:
    actions = plan.copy_actions
    if actions:
        yield f"  c {count_text(len(actions), 'output')} to copy within the account"
        yield from _some(actions, show_all, lambda action: [_detail(action, action.id)])


def _deletions(plan: Plan) -> Iterator[str]:
    for action in plan.deletion_actions:
        yield _line(action, f"task {action.id}", action.reason.value)
        for what in action.interrupts:
            yield f"      ! {what}"


def _runs(plan: Plan, show_all: bool) -> Iterator[str]:
    def entry(action: Action) -> list[str]:
        task = action.after or {}
        lines = [_detail(action, task["name"]), f"        {task['command']}"]
        return [*lines, *(f"        · {line}" for line in _work(action))]

    if plan.run_actions:
        packing = f", and {_tasks(plan.work.packing)} to pack what they read" if plan.work.packing else ""
        yield f"  > {_tasks(len(plan.run_actions) - plan.work.packing)} in job {plan.job_id}{packing}"
        yield from _some(plan.run_actions, show_all, entry)


def _open(plan: Plan) -> Iterator[str]:
    """What may have to run besides, once it is known."""
    for found in plan.work.open:
        made = "has made its files" if found.folders == 1 else "have made their files"
        when = f"{count_text(found.folders, 'task')} of {found.maker} {made}"
        yield f"  > {found.group}: up to {_tasks(found.most)}, known when {when}"


def _unpublished(plan: Plan) -> Iterator[str]:
    files = plan.work.unpublished
    if files:
        yield f"  - {count_text(len(files), 'published file')} to delete: the folder no longer has such a file"


def _work(action: Action) -> Iterator[str]:
    """What of a task's work has changed: `params.bitrate 2M -> 1M`. Of most parts no more than the name is known."""
    before, after = (action.before or {}).get("work", {}), (action.after or {}).get("work", {})
    for name in {**before, **after}:
        one, other = (str(said[name] or "…") if name in said else "(none)" for said in (before, after))
        values = " -> ".join(text_windows(one, other))
        yield name if before.get(name) is None and after.get(name) is None else f"{name} {values}"


def _downloads(plan: Plan, show_all: bool) -> Iterator[str]:
    actions = plan.download_actions
    if actions:
        yield f"  v {count_text(len(actions), 'output')} to download"
        yield from _some(actions, show_all, lambda action: [_detail(action, action.id)])


def _unchanged(plan: Plan) -> Iterator[str]:
    if plan.work.up_to_date:
        yield f"  = {_tasks(plan.work.up_to_date)} up to date"
    if plan.in_progress:
        yield f"  = {_tasks(len(plan.in_progress))} in progress"
    if plan.work.not_selected:
        yield f"  = {_tasks(plan.work.not_selected)} to run left alone (--only)"
    if plan.work.orphans:
        yield f"  = {count_text(plan.work.orphans, 'output')} kept whose input is {Reason.LEFT_SPEC.value}"


def _kept(plan: Plan, show_all: bool) -> Iterator[str]:
    if plan.kept:
        what = count_text(len(plan.kept), "local file")
        yield f"  = {what} kept, where outputs would be downloaded to (--overwrite replaces them)"
        yield from _files(plan.kept, show_all)


def _stale(plan: Plan, show_all: bool) -> Iterator[str]:
    if plan.stale:
        what = count_text(len(plan.stale), "downloaded file")
        yield f"  = {what} of outputs that are no longer in the spec (`batchspec download SPEC --prune` deletes them)"
        yield from _files(plan.stale, show_all)


def _files(files: Many[Kept], show_all: bool) -> Iterator[str]:
    for kept in islice(files, len(files) if show_all else SHOWN_OF_EACH):
        yield f"      = {kept.file}  {kept.reason.value}"
    if not show_all and len(files) > SHOWN_OF_EACH:
        yield f"      … {len(files) - SHOWN_OF_EACH} more (--all)"


def _strays(plan: Plan) -> Iterator[str]:
    for stray in plan.strays:
        yield f"  ! {stray.kind.value} {stray.id}  {Reason.LEFT_SPEC.value}, and still there"
        if stray.kind is Kind.POOL:
            yield f"      · {cost_text(stray)}"
        elif stray.kind is Kind.CONTAINER:
            yield f"      · {count_text(stray.blobs, 'blob')} of the spec in it, {size_text(stray.size)}"
    if plan.strays:
        yield "      · `batchspec destroy SPEC --orphans` lists and deletes what is no longer in the spec"


def _unnoted(plan: Plan) -> Iterator[str]:
    for kind, id in plan.unnoted:
        yield f"  · the {kind.value} {id} is not tagged with its spec file yet: the next apply does that"


def _cost(plan: Plan) -> Iterator[str]:
    """What the run costs, in lines of the page's width."""
    if plan.cost is not None:
        text = estimate_text(plan.cost)
        yield from wrap(
            text, _WIDTH, initial_indent="  $ ", subsequent_indent="      ", break_long_words=False
        )


def cost_text(stray: Stray) -> str:
    """What a pool costs that nobody needs any more."""
    spot = f", {stray.spot} of them Spot" if stray.spot else ""
    more = ", and its autoscale formula may add some" if stray.autoscales else ""
    if not stray.nodes:
        return f"it has no nodes now{more or ', so it costs nothing'}"
    nodes = f"{count_text(stray.nodes, 'node')} of {stray.vm_size}{spot}{more}"
    amount = "money"
    if stray.cost is not None and not stray.cost.unknown:
        amount = hourly_text(stray.cost)
    return f"{nodes}; {'it costs' if stray.nodes == 1 else 'they cost'} {amount} while the pool exists"


def _detail(action: Action, name: str, extra: str = "") -> str:
    left = f"      {action.operation.value} {name}" + (f"  {extra}" if extra else "")
    changed = ", ".join((action.after or {}).get("changed", ()))
    why = action.reason.value + (f": {changed}" if changed else "")
    return f"{padded(left, _PLACE_COLUMN - len(why) - 2)}  {why}  {action.place}"


def _some(actions: Many[Action], show_all: bool, entry: Callable[[Action], list[str]]) -> Iterator[str]:
    shown = len(actions) if show_all else min(SHOWN_OF_EACH, len(actions))
    for action in islice(actions, shown):
        yield from entry(action)
    if shown < len(actions):
        yield f"      … {len(actions) - shown} more (--all)"
