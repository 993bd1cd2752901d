"""A saved plan says what it does, and a file that is anything else is refused in a sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from batchspec.engine.saved_plan import load, save, saved_plan
from batchspec.errors import RefusedError, UsageError
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.identity import differences, plan_digest
from batchspec.plan.model import Plan
from batchspec.plan.written import read_plan
from batchspec.render.plans.as_json import plan_json
from batchspec.render.plans.as_text import plan_text
from tests.plan.case import CASES, desired_of, observed_of
from tests.plan.case import load as load_case

FILES = sorted(CASES.glob("*/*.yaml"))
FULL = {
    "spec": """
version: 1
name: work
pool:
  id: nodes
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  startTask: {commandLine: prepare --new}
  metadata: [{name: team, value: video}]
  whenDone: delete
job: {id: encode, priority: 5}
tasks:
  audio:
    inputs: clips/*.mp4
    command: [ffmpeg, "{{ input.path }}", "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
download: out/
safety: {maxNodes: 5, maxDeletions: 0}
""",
    "inputs": ["a.mp4", "b.mp4", "c.mp4"],
    "observed": {
        "outputs": [{"of": "c.mp4"}, {"of": "gone.mp3"}],
        "uploaded": ["a.mp4"],
    },
}


def plan_of(case: dict[str, Any]) -> Plan:
    desired = desired_of(case)
    return make_plan(desired, observed_of(case.get("observed") or {}, desired))


def document_of(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(plan_json(plan, id="x", account="here")))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_is_loaded_is_what_was_planned(file: Path, tmp_path: Path) -> None:
    """A plan that was saved reads as it did, and its digest is the same, whatever is in it."""
    try:
        plan = plan_of(load_case(file))
    except RefusedError:
        return
    text, digest = plan_text(plan, show_all=True), plan_digest(plan, "here")
    document = document_of(plan)
    save(saved_plan(document, "work.yaml", "local", ("a=1",)), tmp_path / "plan")
    loaded = load(tmp_path / "plan")
    assert plan_text(loaded.plan, show_all=True) == text
    assert plan_digest(loaded.plan, loaded.account) == digest
    assert loaded.document == document
    assert (loaded.settings, loaded.target, loaded.applied) == (("a=1",), "local", "")


def test_a_file_that_was_edited_is_refused(tmp_path: Path) -> None:
    """Whatever is changed in the file, though it may be no more than a sentence: it is not what was saved."""
    file = tmp_path / "plan"
    save(saved_plan(document_of(plan_of(FULL)), "work.yaml", "local"), file)
    text = file.read_text()
    for old, new in (
        ("not there yet", "no matter"),
        ("Standard_D2ds_v5", "Standard_D96ds_v5"),
        ("azure", "local"),
    ):
        if old in text:
            file.write_text(text.replace(old, new))
            with pytest.raises(UsageError, match="was changed after it was saved"):
                load(file)


def test_a_forged_plan_shows_what_it_is_compared_by() -> None:
    """Without its actions it shows no changes, and then a plan that makes something is another one."""
    plan = plan_of(FULL)
    forged = read_plan({**document_of(plan), "actions": []})
    assert "No changes: 1 task up to date." in plan_text(forged)
    assert plan_digest(forged, "here") != plan_digest(plan, "here")
    assert "would be done now: + pool nodes" in list(differences(forged, plan))


def test_differences_name_the_field(tmp_path: Path) -> None:
    """What is made otherwise than it was reviewed is told by its field, and so is what comes after the run."""
    plan = plan_of(FULL)
    saved = saved_plan(document_of(plan), "work.yaml", "local")
    edited = (
        FULL["spec"].replace("prepare --new", "prepare --newer").replace("whenDone: delete", "whenDone: zero")
    )
    found = list(differences(saved.plan, plan_of({**FULL, "spec": edited})))
    assert '  startTask.commandLine: "prepare --new" -> "prepare --newer"'.strip() in found[0]
    assert 'pool.whenDone: "delete" -> "zero"' in found
    assert not tmp_path.joinpath("plan").exists()


OTHER_VALUES = (
    None,
    True,
    -1,
    1.5,
    "",
    "x\x1b[31m",
    [],
    [None],
    [{}],
    {},
    {"a": 1},
    {"id": 1},
    {"whenDone": 1},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    whole = copy.deepcopy(document)
    if not path:
        return value
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return whole


def test_a_plan_of_other_types_is_refused_or_shown() -> None:
    """Wherever another value stands, the plan is refused or can be shown and compared."""
    document = document_of(plan_of(FULL))
    document["excesses"] = [
        {"threshold": "maxNodes", "limit": "5", "found": 6, "of": None, "what": "nodes", "place": ""}
    ]
    outcomes = set()
    for path in places(document):
        for value in OTHER_VALUES:
            try:
                plan = read_plan(replaced(document, path, value))
            except ValueError:
                outcomes.add("refused")
                continue
            assert "\x1b" not in plan_text(plan, show_all=True)
            plan_digest(plan, "here")
            list(differences(plan, plan))
            outcomes.add("shown")
    assert outcomes == {"refused", "shown"}


@pytest.mark.parametrize(
    "name",
    [
        "formatVersion",
        "specFile",
        "specDigest",
        "settings",
        "paramsFiles",
        "target",
        "made",
        "applied",
        "plan",
    ],
)
def test_a_file_of_other_types_is_refused(name: str, tmp_path: Path) -> None:
    """Whoever knows how the file is sealed gets no further."""
    file = tmp_path / "plan"
    save(saved_plan(document_of(plan_of(FULL)), "work.yaml", "local"), file)
    whole = json.loads(file.read_bytes())
    for value in (None, 1, [1], {}):
        forged = {**{key: member for key, member in whole.items() if key != "digest"}, name: value}
        seal = sha256(json.dumps(forged, sort_keys=True).encode()).hexdigest()
        file.write_text(json.dumps({**forged, "digest": seal}))
        with pytest.raises(UsageError):
            load(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"type": "batchspec-saved-plan"}',
        b'{"type": "batchspec-saved-plan", "formatVersion": 1}',
        b'{"type": "batchspec-saved-plan", "formatVersion": 2, "digest": 5}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda content: repr(content[:40]),
)
def test_what_is_no_saved_plan_is_refused(content: bytes, tmp_path: Path) -> None:
    """In one sentence, whatever it is."""
    file = tmp_path / "plan"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_only_a_saved_plan_is_written_over(tmp_path: Path) -> None:
    """`plan -o work.yaml other.yaml` is a slip, and would be the end of `work.yaml`."""
    file = tmp_path / "work.yaml"
    file.write_text(FULL["spec"])
    saved = saved_plan(document_of(plan_of(FULL)), "spec.yaml", "local")
    with pytest.raises(UsageError, match="not a saved plan"):
        save(saved, file)
    assert file.read_text() == FULL["spec"]
    file.write_text("")  # as mktemp leaves it
    save(saved, file)
    save(saved, file)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Half a plan is none."""
    file = tmp_path / "plan"
    save(saved_plan(document_of(plan_of(FULL)), "work.yaml", "local"), file)
    whole = file.read_bytes()
    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length])
        with pytest.raises(UsageError):
            load(file)
