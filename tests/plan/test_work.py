"""Which tasks need work: the query says what the rules say, one task at a time, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask
from batchspec.plan.model import Work
from batchspec.plan.observed import Seen
from batchspec.plan.verdicts.work import Counted, find_work
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA
from batchspec.resources.task import LiveTask, Recipe, read_id, task_id
from tests.plan.case import desired_of, local_of, page_of

SPEC = """
version: 1
name: work
pool: {id: p, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server"}
job: {id: j}
tasks:
  first: {inputs: clips/*, command: [cp, "{{ input.path }}", "{{ output.path }}"], output: "{{ input.name }}.first"}
  second: {inputs: clips/*, command: [cat, "{{ input.path }}"]}
  last: {command: [last]}
download: out/
"""
OLD = "1" * 32
NAMES = ["a", "b", "c"]


class Entry(NamedTuple):
    """What there is of one desired task. A live one is (old part of its work, attempt, state, failure, ending)."""

    lives: Sequence[tuple[str, int, str, str, bool]]
    output: str | None  # the old part of the work that made it; `none`: it has no stamp
    uploaded: str | None  # `older`: under a name without the digest; `old`: likewise, and other content
    here: str | None


STATES = st.sampled_from(["active", "preparing", "running", "completed"])
LIVES = st.tuples(
    st.sampled_from(["nothing", "command", "input"]),
    st.integers(1, 3),
    STATES,
    st.sampled_from(["", "exit code 1"]),
    st.booleans(),
)
ENTRIES = st.builds(
    Entry,
    st.lists(LIVES, max_size=3, unique_by=lambda live: live[:2]),
    st.sampled_from([None, "nothing", "command", "input", "none"]),
    st.sampled_from([None, "current", "damaged", "older", "old"]),
    st.sampled_from([None, "current", "old"]),
)


@given(
    entries=st.lists(ENTRIES, min_size=7, max_size=7),
    strangers=st.lists(
        st.tuples(st.sampled_from(["mine", "gone-aaaaaaaaaa-bbbbbbbbbb"]), STATES), max_size=2
    ),
    counted=st.sampled_from(Counted),
)
def test_the_query_is_the_rules(
    entries: list[Entry], strangers: list[tuple[str, str]], counted: Counted
) -> None:
    """Verdict, attempt, uploads, downloads and removals are those that the rules give for each task alone."""
    desired = desired_of({"spec": SPEC, "inputs": NAMES})
    by_task = list(zip(desired.tasks, entries, strict=True))
    files = {task.input.blob: entry.uploaded for task, entry in by_task if task.input}
    seen = Seen(desired.tasks)
    lives = {task.id: [_live(task, live) for live in entry.lives] for task, entry in by_task}
    ours = (live for some in lives.values() for live, _ in some)
    seen.add_tasks([page_of(ours), page_of(LiveTask(id, state) for id, state in strangers)])
    seen.add_ending(live for some in lives.values() for live, ends in some if ends)
    contents = {task.input.blob: task.input.content for task in desired.tasks if task.input}
    places = Places.of(desired.spec)
    seen.add_inputs(
        LiveBlob(
            places.plain(blob) if which in ("older", "old") else blob,
            1,
            contents[blob] if which in ("current", "older") else OLD,
            "0x1",
        )
        for blob, which in files.items()
        if which
    )
    seen.add_inputs([LiveBlob("work/other", 1, OLD, "0x1")])
    outputs = {task.record: blob for task, entry in by_task if (blob := _output(task, entry))}
    orphan = LiveBlob("work/orphan", 1, "", "0x1", {FINGERPRINT_METADATA: OLD})
    seen.add_outputs([*outputs.values(), orphan, LiveBlob("work/of somebody else", 1, "", "0x1")])
    here = {
        task.output: OLD if entry.here == "old" else outputs[task.record].md5
        for task, entry in by_task
        if task.output and entry.here and task.record in outputs
    }
    found = find_work(desired, counted, local_of(here))
    assert _facts(found) == _expected(desired, by_task, lives, files, outputs, here, strangers, counted)


def _old(task: DesiredTask, which: str) -> Recipe:
    return {
        "nothing": task.work,
        "command": Recipe(OLD, task.work.input),
        "input": Recipe(task.work.command, OLD),
    }[which]


def _live(task: DesiredTask, live: tuple[str, int, str, str, bool]) -> tuple[LiveTask, bool]:
    which, attempt, state, failure, ends = live
    id = task_id(task.key, _old(task, which), attempt)
    return LiveTask(id, state, failure if state == "completed" else ""), ends


def _output(task: DesiredTask, entry: Entry) -> LiveBlob | None:
    if entry.output is None:
        return None
    if entry.output == "none":
        return LiveBlob(task.record, 1, "2" * 32, "0x1")
    work = _old(task, entry.output)
    stamps = {FINGERPRINT_METADATA: work.fingerprint, COMMAND_METADATA: work.command}
    return LiveBlob(task.record, 1, "3" * 32, "0x1", stamps)


def _facts(work: Work) -> dict[str, Any]:
    waiting = {run.id for blob in {u.input.blob for u in work.uploads} for run in work.waiting(blob)}
    assert {run.id for run in work.runs} == {run.id for run in work.ready} | waiting
    assert not {run.id for run in work.ready} & waiting
    return {
        "runs": [(run.id, run.reason.name, run.task) for run in work.runs],
        "in progress": [(id, task) for task, id in work.in_progress],
        "up to date": work.up_to_date,
        "removals": sorted(removal.id for removal in work.removals),
        "deletions": sorted((removal.id, removal.state, removal.reason.name) for removal in work.deletions),
        "uploads": [(upload.input.blob, upload.reason.name) for upload in work.uploads],
        "downloads": [(download.blob, download.reason.name) for download in work.downloads],
        "orphans": work.orphans,
    }


def _expected(
    desired: Desired,
    by_task: Sequence[tuple[DesiredTask, Entry]],
    all_lives: Mapping[str, list[tuple[LiveTask, bool]]],
    files: Mapping[str, str | None],
    outputs: Mapping[str, LiveBlob],
    here: Mapping[str, str],
    strangers: Sequence[tuple[str, str]],
    counted: Counted,
) -> dict[str, Any]:
    """The same, task by task."""
    facts: dict[str, Any] = {"up to date": 0, "orphans": 1}
    runs, at_work, removals, deletions, downloads = [], [], [], [], []
    uploads: dict[str, str] = {}
    left = {id: state for id, state in strangers if id.startswith("gone")}
    for id, state in left.items() if counted is Counted.ALL else ():
        if state != "completed":
            removals.append(id)
            deletions.append((id, state, "LEFT_SPEC"))
    for task, _ in by_task:
        lives = [entry for entry in all_lives[task.id] if _counts(entry[0], counted)]
        blob = outputs.get(task.record)
        verdict, current = _verdict(task, lives, blob, files)
        others = [live for live, _ in lives if not _is_current(task, live) and not live.is_completed]
        removals += [live.id for live in others]
        deletions += [(live.id, live.state, "REPLACED") for live in others]
        tries = [live for live, _ in lives if _is_current(task, live) and live is not current]
        removals += [live.id for live in tries if live.is_completed]
        if verdict == "UP_TO_DATE":
            facts["up to date"] += 1
            if task.output and here.get(task.output) != (blob.md5 if blob else ""):
                downloads.append((task.output, "LOCAL_DIFFERS" if task.output in here else "LOCAL_MISSING"))
        elif verdict == "IN_PROGRESS" and current:
            at_work.append((current.id, task))
        else:
            removals += [live.id for live in tries if not live.is_completed]
            said = read_id(current.id) if current else None
            removals += [current.id] if current else []
            runs.append((task_id(task.key, task.work, said.attempt + 1 if said else 1), verdict, task))
            if task.input and files[task.input.blob] not in ("current", "older"):
                uploads.setdefault(task.input.blob, verdict if verdict == "INPUT_CHANGED" else "NEW_INPUT")
    return facts | {
        "runs": runs,
        "in progress": at_work,
        "removals": sorted(removals),
        "deletions": sorted(deletions),
        "uploads": list(uploads.items()),
        "downloads": downloads,
    }


def _counts(live: LiveTask, counted: Counted) -> bool:
    return {Counted.ALL: True, Counted.COMPLETED: live.is_completed, Counted.NONE: False}[counted]


def _is_current(task: DesiredTask, live: LiveTask) -> bool:
    said = read_id(live.id)
    return said is not None and said.work == task.work.short


def _verdict(
    task: DesiredTask,
    lives: Sequence[tuple[LiveTask, bool]],
    blob: LiveBlob | None,
    files: Mapping[str, str | None],
) -> tuple[str, LiveTask | None]:
    """What becomes of the task, and the last live task that does its current work."""
    same = [entry for entry in lives if _is_current(task, entry[0])]
    current, ends = max(same, key=lambda entry: entry[0].id, default=(None, False))
    went_well = current is None or (current.is_completed and not current.failure)
    if went_well and blob and blob.metadata.get(FINGERPRINT_METADATA) == task.fingerprint:
        return "UP_TO_DATE", current
    if current and not current.is_completed:
        return "LINKS_END" if ends and current.state == "active" else "IN_PROGRESS", current
    if current:
        return "FAILED_LAST_TIME" if current.failure else "OUTPUT_MISSING", current
    if blob and FINGERPRINT_METADATA in blob.metadata:
        same_command = blob.metadata[COMMAND_METADATA] == task.work.command
        return "INPUT_CHANGED" if same_command else "COMMAND_CHANGED", None
    if lives:
        commands = {said.work[:5] for live, _ in lives if (said := read_id(live.id))}
        return "INPUT_CHANGED" if task.work.short[:5] in commands else "COMMAND_CHANGED", None
    if task.input is None:
        return "NOT_RUN", None
    is_there = files[task.input.blob] in ("current", "older")
    return "OUTPUT_MISSING" if is_there else "NEW_INPUT", None
