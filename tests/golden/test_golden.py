"""What is recorded of tasks holds: ids and fingerprints for ever, bodies until a commit means to change them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.golden import golden
from tests.golden.golden import Entry
from tests.golden.project import SPECS, lay_out

_RECORDED = golden.recorded()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("golden")
    lay_out(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def made(project: Path) -> dict[str, Entry]:
    return golden.made(project)


def test_every_spec_is_recorded() -> None:
    assert sorted(_RECORDED) == SPECS, "record new specs: python -m tests.golden"


@pytest.mark.parametrize("spec", _RECORDED)
def test_ids_fingerprints_and_records_never_change(spec: str, made: dict[str, Entry]) -> None:
    assert golden.for_ever(made[spec]) == golden.for_ever(_RECORDED[spec]), (
        "work that is done would run again: nothing may change this"
    )


@pytest.mark.parametrize("spec", _RECORDED)
def test_bodies_are_those_recorded(spec: str, made: dict[str, Entry]) -> None:
    bodies = [task["body"] for task in made[spec]["tasks"]]
    assert bodies == [task["body"] for task in _RECORDED[spec]["tasks"]], (
        "when this is meant: python -m tests.golden, and say why in the commit"
    )


@pytest.mark.parametrize("spec", _RECORDED)
def test_bodies_go_over_the_wire_as_they_are_rendered(
    spec: str, made: dict[str, Entry], project: Path
) -> None:
    assert golden.sent(project, spec) == [task["body"] for task in made[spec]["tasks"]]


def test_what_may_be_recorded_anew() -> None:
    """Bodies and further specs may; what must not change is told, and so is a spec that is gone."""
    spec = "specs/no-inputs.yaml"
    before = {spec: _RECORDED[spec]}
    other_body, other_id = deepcopy(before), deepcopy(before)
    other_body[spec]["tasks"][0]["body"]["commandLine"] = "another"
    other_id[spec]["tasks"][0]["id"] = "another"
    assert golden.changed(before, other_body | {"further": _RECORDED[spec]}) == []
    assert golden.changed(before, other_id) == [spec]
    assert golden.changed(before, {}) == [spec]
