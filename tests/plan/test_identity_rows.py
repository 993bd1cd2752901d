"""A plan's id changes exactly with what apply would send or do, whatever word of a group with rows is another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.bodies.composed_body import composed_body, public_outputs
from batchspec.desired.task import Desired, Input
from batchspec.document.parser import parse
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.identity import plan_digest
from batchspec.plan.model import Plan, Run
from batchspec.plan.observed import Observed
from batchspec.source import Source
from tests.plan.test_identity import _FIXED
from tests.schema.batch_fields import OURS

Data = dict[str, Any]

BASE: Data = {
    "pool": {"existing": "p"},
    "job": {"id": "j", "constraints": {"maxWallClockTime": "PT1H"}},
    "params": {"most": 1080},
    "download": "out/",
}
ENCODE: Data = {
    "inputs": "clips/{title}.mp4",
    "matrix": {"height": [480, 720]},
    "files": {"logo": "logo.png"},
    "command": "run {{ input.path }} {{ files.logo.path }} {{ matrix.height }} > {{ outputs.video.path }}",
    "outputs": {"video": "{{ matrix.title }}-{{ matrix.height }}.out"},
}
JOIN: Data = {
    "inputs": {"from": "encode", "output": "video"},
    "per": "title",
    "command": ["join", "{{ inputs.paths }}", "{{ output.path }}"],
    "output": "{{ matrix.title }}.all",
}
# Of each word values that differ, and some that say the same in another way; None: left out.
WORDS: dict[tuple[str, str], list[Any]] = {
    ("encode", "inputs"): ["clips/{title}.mp4", "clips/{name}.mp4", ["clips/{title}.mp4"], "clips/{title}.m*"],
    ("encode", "exclude"): [None, "clips/b.*", "clips/none*"],
    ("encode", "allowEmpty"): [None, False, True],
    ("encode", "matrix"): [
        {"height": [480, 720]},
        {"height": {"from": 480, "to": 720, "step": 240}},
        {"height": [720, 480]},
        {"height": [480, 1080]},
        [{"height": 480}, {"height": 720}],
        {"height": [480]},
    ],
    ("encode", "when"): [None, *(f"{{{{ matrix.height {rest} }}}}" for rest in ("< 1080", "< params.most", "> 500"))],
    ("encode", "files"): [{"logo": "logo.png"}, {"logo": "./logo.png"}, {"logo": "other.png"}],
    ("encode", "command"): [ENCODE["command"], ENCODE["command"].replace("run", "run -v")],
    ("encode", "outputs"): [
        ENCODE["outputs"],
        {"video": {"path": "{{ matrix.title }}-{{ matrix.height }}.out"}},
        {"video": "{{ matrix.title }}_{{ matrix.height }}.out"},
        {**ENCODE["outputs"], "log": {"path": "{{ matrix.title }}-{{ matrix.height }}.log", "optional": True}},
        {"video": {"path": "{{ matrix.title }}-{{ matrix.height }}.out", "optional": True}},
    ],
    ("encode", "temporary"): [None, False, True],
    ("encode", "download"): [None, True, False],
    ("encode", "env"): [None, {"A": "1"}, {"A": "2"}, {"B": "1"}],
    ("encode", "environmentSettings"): [None, [{"name": "A", "value": "1"}]],
    ("encode", "successCodes"): [None, [0], [0, 6], [6, 0]],
    ("encode", "constraints"): [None, {"maxTaskRetryCount": 1}],
    ("encode", "requiredSlots"): [None, 1],
    ("encode", "applicationPackages"): [None, *({"x": {"version": v, "file": "x.zip"}} for v in ("1", "1.0"))],
    ("join", "per"): ["title", ["title"], None],
    ("join", "collect"): [None, True, False],
    ("join", "chunk"): [None, 1, {"size": 1}, {"size": 2, "stable": True}],
    ("join", "command"): [JOIN["command"], ["join", "-v", "{{ inputs.paths }}", "{{ output.path }}"]],
    ("join", "output"): [JOIN["output"], "{{ matrix.title }}/", "all-{{ matrix.title }}", "all"],
    ("join", "temporary"): [None, False],
    ("join", "download"): [None, True, False],
    ("spec", "files"): [None, {"unread": "logo.png"}],
    ("spec", "download"): ["out/", "./out", "elsewhere/"],
    ("spec", "params"): [{"most": 1080}, {"most": 500}, {"most": 1080, "unused": 1}],
    ("spec", "containers"): [None, {"input": "input"}, {"output": "out"}],
}  # fmt: skip
WORD = st.sampled_from(sorted(WORDS))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Data, Data]:
    """Two specs that differ in one word of them, or in how they say it."""
    first: dict[tuple[str, str], Any] = {
        word: draw(st.sampled_from(WORDS[word])) for word in draw(st.sets(WORD, max_size=2))
    }
    word = draw(WORD)
    return put_together(first), put_together({**first, word: draw(st.sampled_from(WORDS[word]))})


def put_together(chosen: Mapping[tuple[str, str], Any]) -> Data:
    parts = {"spec": {**BASE}, "encode": {**ENCODE}, "join": {**JOIN}}
    for (part, name), value in chosen.items():
        parts[part][name] = value
    whole, encode, join = ({n: v for n, v in part.items() if v is not None} for part in parts.values())
    return {**whole, "tasks": {"encode": encode, "join": join}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, and two pictures of other contents."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "clips").mkdir()
    for name in ("clips/a.mp4", "clips/b.mp4", "logo.png", "other.png"):
        (folder / name).write_text(name)
    return folder


@_FIXED
@given(both=pairs())
def test_the_id_is_that_of_what_is_sent(folder: Path, both: tuple[Data, Data]) -> None:
    """Where nothing is there yet, two plans have one id exactly when apply would send, write and delete the same."""
    done, digests = zip(*(planned(folder, data) for data in both), strict=True)
    assert (digests[0] == digests[1]) == (done[0] == done[1])


def test_every_word_of_a_group_takes_part() -> None:
    """Each is among those that are tried; two of them, `dependsOn` aside, are Batch's own."""
    assert {name for part, name in WORDS if part != "spec"} >= OURS["task"]


def planned(folder: Path, data: Data) -> tuple[list[Any], str]:
    """What apply would do where nothing is there, as the functions that do it make it; and the plan's digest."""
    text = json.dumps({"version": 1, "name": "work", **data})
    try:
        desired = desired_now(build(parse(Source(str(folder / "work.yaml"), text))), None)
    except SpecError:
        assume(False)
        raise
    plan = make_plan(desired, Observed(pool={"id": "p"}))
    digest = plan_digest(plan, "account")
    runs = [_sent(desired, plan, run) for run in plan.work.runs]
    uploads = [
        (upload.input.container, upload.input.blob, upload.input.content) for upload in plan.work.uploads
    ]
    return [runs, uploads, desired.job], digest


def _sent(desired: Desired, plan: Plan, run: Run) -> list[Any]:
    """The body that adds a task, and what becomes of its outputs."""
    spec, task = desired.spec, run.task
    links = Links("in", f"https://{spec.containers.output}", "folder")
    if desired.tasks.is_composed(task):
        waits_for = plan.work.waits_for(task.number)
        body = composed_body(desired, task, run.id, partial(_link, plan), links, waits_for)
    else:
        body = task_body(spec, task, run.id, links)
    files = [blob for blob, _ in public_outputs(desired, task)] if task.group.downloads else []
    folder = (spec.download or "").strip("./")
    return [body, [f"{folder}/{name}" for name in files], task.group.temporary]


def _link(plan: Plan, item: Input) -> str:
    return f"https://{item.container}/{plan.work.stored_as(item.blob)}"
