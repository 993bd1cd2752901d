"""Two spec files with one name: the second one changes, deletes and downloads nothing until it takes over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Ended, Workload, make_workload

from batchspec.engine.look.machine.project import file_in_project
from batchspec.service.embedded import LocalAccount

OTHER = "specs/other.yaml"
FILE = "batchspec.file"


@pytest.fixture
def bare(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    yield from make_workload(tmp_path, local_account)


def stamps(live: dict[str, object] | None) -> dict[str, str]:
    assert live is not None
    entries: list[dict[str, str]] = live["metadata"]  # type: ignore[assignment]
    return {entry["name"]: entry["value"] for entry in entries}


def forget_file(work: Workload, path: str) -> None:
    """Makes the stamp of a pool or a job one of an earlier version."""
    live = work.batch("GET", path)
    metadata = [entry for entry in live["metadata"] if entry["name"] != FILE]
    work.batch("PATCH", path, {"metadata": metadata})


def refused(work: Workload, *words: str) -> Ended:
    ended = work.command(*words, code=4)
    assert "belongs to the spec file specs/ffmpeg.yaml" in ended.err
    assert "--take-over" in ended.err
    return ended


def test_a_second_file_with_the_same_name_touches_nothing(bare: Workload) -> None:
    """Not while pool and job are there, nor once only outputs are; with --take-over, everything is its own."""
    bare.write_copies()
    bare.apply()
    shutil.copy(bare.spec, bare.folder / OTHER)
    before = {name: bare.blobs(name) for name in ("input", "output")}
    for words in (
        ["apply", OTHER, "--auto-approve"],
        ["download", OTHER],
        ["destroy", OTHER, "--auto-approve", "--orphans"],
    ):
        refused(bare, *words)
    bare.destroy()
    assert bare.pool() is None
    refused(bare, "destroy", OTHER, "--auto-approve", "--outputs")
    assert bare.results() == {name for name in before["output"] if not name.startswith(".batchspec/")}
    shown = bare.command("plan", OTHER, "--take-over", "-o", "saved").out
    assert 'file  "specs/ffmpeg.yaml" -> "specs/other.yaml"' in shown
    bare.command("apply", "saved")
    assert "No changes" in bare.command("plan", OTHER).out
    ended = bare.command("plan", "specs/ffmpeg.yaml", code=4)
    assert "belongs to the spec file specs/other.yaml" in ended.err


def test_what_takes_over_stamps_pool_and_job_anew(bare: Workload) -> None:
    """While they are there: so the first file is the second one from then on."""
    bare.write_held()
    bare.apply("--detach")
    assert (stamps(bare.pool())[FILE], stamps(bare.job())[FILE]) == ("specs/ffmpeg.yaml",) * 2
    shutil.move(bare.spec, bare.folder / OTHER)
    refused(bare, "apply", OTHER, "--detach")
    bare.command("apply", OTHER, "--detach", "--take-over")
    assert (stamps(bare.pool())[FILE], stamps(bare.job())[FILE]) == (OTHER,) * 2
    assert bare.command("plan", OTHER, "--format", "json").of_type("plan")[0]["actions"] == []
    bare.let_go()


def test_what_an_earlier_version_made_is_completed(bare: Workload) -> None:
    """It counts as this file's, the plan says what is to be noted and is empty, and the next apply notes it."""
    bare.write_copies()
    bare.apply()
    with bare.blob_service() as service:
        service.get_blob_client("output", f"{bare.name}/.batchspec/spec").delete_blob()
    forget_file(bare, f"/pools/{bare.pool_id}")
    plan = bare.plan()
    assert (plan["actions"], plan["unnoted"]) == ([], [{"kind": "pool", "id": bare.pool_id}])
    assert f"the pool {bare.pool_id} is not tagged with its spec file yet" in bare.apply().out
    assert stamps(bare.pool())[FILE] == "specs/ffmpeg.yaml"
    shutil.copy(bare.spec, bare.folder / OTHER)
    bare.destroy()
    refused(bare, "plan", OTHER)
    bare.destroy("--outputs")
    assert bare.blobs("output") == {}
    bare.command("plan", OTHER)  # nothing has the name any more


def test_validate_reports_two_files_of_one_name(bare: Workload) -> None:
    """In one call, at the name of the second one; one file given twice is one file."""
    bare.write_copies()
    shutil.copy(bare.spec, bare.folder / OTHER)
    bare.command("validate", "specs/ffmpeg.yaml", "specs/../specs/ffmpeg.yaml")
    ended = bare.command("validate", "specs/ffmpeg.yaml", OTHER, code=65)
    assert "specs/other.yaml:2:7" in ended.err
    assert "specs/ffmpeg.yaml has the same name" in ended.err


def test_a_file_is_named_below_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from every folder and for every clone; without a project, by its name."""
    for clone in ("one", "two"):
        (tmp_path / clone / ".git").mkdir(parents=True)
        (tmp_path / clone / "specs").mkdir()
        monkeypatch.chdir(tmp_path / clone)
        assert file_in_project(Path("specs/a.yaml")) == "specs/a.yaml"
        monkeypatch.chdir(tmp_path / clone / "specs")
        assert file_in_project(Path("a.yaml")) == file_in_project(Path("../specs/a.yaml")) == "specs/a.yaml"
    assert file_in_project(tmp_path / "a.yaml") == "a.yaml"


def test_what_is_adopted_is_of_the_file_that_has_the_name(bare: Workload) -> None:
    """So the spec that has it plans nothing; a new file of that name is refused, as any other."""
    bare.write_copies()
    bare.apply()
    other = f"{bare.name}-x"
    bare.batch("POST", "/pools?api-version=2025-06-01", {**_machine(bare), "id": other})
    printed = bare.command("import", "pool", other, "--name", bare.name, "--adopt", "--auto-approve").out
    assert stamps(bare.batch("GET", f"/pools/{other}"))[FILE] == "specs/ffmpeg.yaml"
    assert bare.plan()["unnoted"] == []
    (bare.folder / OTHER).write_text(printed)
    refused(bare, "plan", OTHER)
    bare.destroy()


def _machine(work: Workload) -> dict[str, object]:
    live = work.pool() or {}
    return {name: live[name] for name in ("vmSize", "virtualMachineConfiguration")}
