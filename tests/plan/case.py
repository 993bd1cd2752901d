"""A planning case: what a spec wants, what there is, and the whole plan that follows.

A case is a file in `tests/cases/plan/<kind>/`; its name is the rule:

    says: one sentence
    spec: |                the spec, as a file `work.yaml`
    inputs: [a.mp4]        files that its `clips/*.mp4` matches; {a.mp4: text} for another content than usual
    observed:
      pool: {…}            as the spec says, but for these fields; null: that field is absent
      running: 2           how many tasks run on the pool
      jobs: [{…}]          likewise; metadata is a mapping here
      tasks: [{of: a.mp4, state: running, work: old command}]
                           ends: true: its links end soon
      uploaded: [a.mp4]    input blobs; {a.mp4: text} likewise
      outputs: [{of: a.mp4, work: old input}]
                           says: what its record says of that work, beside the digests
      here: [a.mp3]        downloaded files, as they should be; {a.mp3: text} likewise
    plan: |                the plan's text, or
    refused: |             the error's text and help
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import md5
from pathlib import Path
from typing import Any

import yaml

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask, Input
from batchspec.document.parser import parse
from batchspec.errors import RefusedError
from batchspec.language.build import build
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.here import FindLocal, Here
from batchspec.plan.observed import Observed, Seen
from batchspec.render.plans.as_text import plan_text
from batchspec.resources.base import Json, metadata_of
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA, WORK_METADATA
from batchspec.resources.task import LiveTask, Recipe, task_id
from batchspec.source import Source

CASES = Path(__file__).parents[1] / "cases" / "plan"


def load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def outcome(case: Mapping[str, Any]) -> tuple[str, str]:
    """(`plan`, its text) or (`refused`, the error's text and help)."""
    desired = desired_of(case)
    return planned(desired, observed_of(case.get("observed") or {}, desired))


def planned(desired: Desired, observed: Observed) -> tuple[str, str]:
    try:
        plan = make_plan(desired, observed)
    except RefusedError as error:
        return "refused", f"{error}\n{error.help}\n"
    return "plan", plan_text(plan)


def desired_of(case: Mapping[str, Any]) -> Desired:
    spec = build(parse(Source("work.yaml", case["spec"])))
    files = _contents(case.get("inputs") or [])
    inputs = [
        Input(
            name,
            spec.containers.input,
            Places.of(spec).upload(_md5(text), name),
            len(text),
            _md5(text),
            file=f"clips/{name}",
        )
        for name, text in files.items()
    ]
    return expand(spec, Readable({group.name: inputs for group in spec.groups}))


def local_of(here: Mapping[str, str]) -> FindLocal:
    """What a plan finds where *here* has the MD5s of the files that blobs were downloaded to."""

    def find(blob: str, md5: str, _etag: str, _is_folder: bool) -> Here:
        if blob not in here:
            return Here.MISSING
        return Here.SAME if here[blob] == md5 or not md5 else Here.OUTDATED

    return find


def observed_of(found: Mapping[str, Any], desired: Desired) -> Observed:
    places = Places.of(desired.spec)
    folder = places.root
    uploaded = _contents(found.get("uploaded") or [])
    older = _contents(found.get("uploaded by an older version") or [])
    seen = Seen(desired.tasks)
    tasks = [(_live_task(desired, entry), entry.get("ends", False)) for entry in found.get("tasks") or []]
    seen.add_tasks([page_of(task for task, _ in tasks)])
    seen.add_ending([task for task, ends in tasks if ends])
    seen.add_inputs(_blob(places.upload(_md5(text), name), text) for name, text in uploaded.items())
    seen.add_inputs(_blob(folder + name, text) for name, text in older.items())
    seen.add_outputs([_output(desired, entry) for entry in found.get("outputs") or []])
    here = {folder + name: _md5(text) for name, text in _contents(found.get("here") or []).items()}
    return Observed(
        pool=_live_pool(desired, found["pool"]) if found.get("pool") is not None else None,
        pool_running_tasks=found.get("running", 0),
        pool_needed=found.get("needed", ""),
        jobs=[_live_job(desired, changes) for changes in found.get("jobs") or []],
        seen=seen,
        local=local_of(here),
    )


def _contents(names: list[str] | Mapping[str, str]) -> dict[str, str]:
    """Files by name; without a word of the case, a file's content is its name."""
    return dict(names) if isinstance(names, Mapping) else {name: name for name in names}


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _blob(name: str, text: str, metadata: Mapping[str, str] | None = None) -> LiveBlob:
    return LiveBlob(name, len(text), _md5(text), "0x1", metadata or {})


def _live_pool(desired: Desired, changes: Json) -> Json:
    body = desired.pool or {"id": desired.spec.pool.id if desired.spec.pool else ""}
    state = {"state": "active", "allocationState": "steady"}
    nodes = {
        "currentDedicatedNodes": body.get("targetDedicatedNodes", 0),
        "currentLowPriorityNodes": body.get("targetLowPriorityNodes", 0),
    }
    return _changed({**body, **state, **nodes}, changes)


def _live_job(desired: Desired, changes: Json) -> Json:
    return _changed({**(desired.job or {}), "state": "active"}, changes)


def _changed(body: Json, changes: Json) -> Json:
    metadata = {**metadata_of(body), **(changes.get("metadata") or {})}
    entries = [{"name": name, "value": value} for name, value in metadata.items() if value is not None]
    whole = {**body, **changes, "metadata": entries}
    return {name: value for name, value in whole.items() if value is not None}


def _task(desired: Desired, name: str) -> tuple[DesiredTask | None, str]:
    """The desired task of the input (or group) *name*, and its key; of one that left the spec, a key of that form."""
    found = (task for task in desired.tasks if name == (task.input.path if task.input else task.name))
    task = next(found, None)
    return task, task.key if task else f"{name.partition('.')[0]}-aaaaaaaaaa"


def _work(task: DesiredTask | None, which: str) -> Recipe:
    current = task.work if task else Recipe("0" * 32, "0" * 32)
    return {
        "current": current,
        "old command": Recipe("1" * 32, current.input),
        "old input": Recipe(current.command, "1" * 32),
    }[which]


def _live_task(desired: Desired, entry: Mapping[str, Any]) -> LiveTask:
    task, key = _task(desired, entry["of"])
    work, attempt = _work(task, entry.get("work", "current")), entry.get("attempt", 1)
    return LiveTask(task_id(key, work, attempt), entry["state"], entry.get("failure", ""))


def page_of(tasks: Iterable[LiveTask]) -> str:
    """The page of a listing that tells of *tasks*."""
    return json.dumps({"value": [_body(task) for task in tasks]})


def _body(task: LiveTask) -> dict[str, Any]:
    failed = {"failureInfo": {"code": task.failure}, "result": "failure"}
    return {
        "id": task.id,
        "state": task.state,
        "executionInfo": failed if task.failure else {"exitCode": 0, "result": "success"},
    }


def _output(desired: Desired, entry: Mapping[str, Any]) -> LiveBlob:
    task, _ = _task(desired, entry["of"])
    work = _work(task, entry.get("work", "current"))
    name = task.record if task else Places.of(desired.spec).root + entry["of"]
    text = name.removeprefix(Places.of(desired.spec).root)
    stamps = {FINGERPRINT_METADATA: work.fingerprint, COMMAND_METADATA: work.command}
    stamps |= {WORK_METADATA: entry["says"]} if "says" in entry else {}
    return _blob(name, text, stamps)
