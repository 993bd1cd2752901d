"""Pools and jobs that a spec has made and no longer names: shown with what they cost, deleted by `destroy`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount

SPEC = "specs/ffmpeg.yaml"


@pytest.fixture
def bare(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    yield from make_workload(tmp_path, local_account)


@pytest.fixture
def renamed(bare: Workload) -> Workload:
    """A workload whose pool and job have other ids in the spec than when they were made."""
    bare.write_held()
    bare.apply("--detach")
    bare.edit(f"id: {bare.pool_id}", f"id: {bare.pool_id}-b")
    bare.edit(f"id: {bare.job_id}", f"id: {bare.job_id}b")
    return bare


def test_what_the_spec_no_longer_names_is_shown_with_what_it_costs(renamed: Workload) -> None:
    """In text, Markdown and JSON; it is no change, and a saved plan shows it too."""
    text = renamed.command("plan", SPEC, "-o", "saved").out
    assert f"  ! pool {renamed.pool_id}  no longer in the spec" in text
    assert "2 nodes of standard_d2ds_v5, 2 of them Spot; they cost money while the pool exists" in text
    assert f"  ! job {renamed.job_id}  no longer in the spec" in text
    assert renamed.command("show", "saved").out.partition("! pool")[2].startswith(f" {renamed.pool_id}  no")
    assert (
        "no longer in the spec: 2, with 2 nodes.**"
        in renamed.command("plan", SPEC, "--format", "markdown").out
    )
    plan = renamed.plan()
    assert [(stray["kind"], stray["id"], stray["nodes"]) for stray in plan["strays"]] == [
        ("pool", renamed.pool_id, 2),
        ("job", renamed.job_id, 0),
    ]
    assert {action["id"] for action in plan["actions"]}.isdisjoint({renamed.pool_id, renamed.job_id})


def test_destroy_lists_and_deletes_it(renamed: Workload) -> None:
    """With --orphans only that; and nothing of it is deleted without the word."""
    listed = renamed.command("destroy", SPEC, "--orphans", code=4).out
    assert f"  - pool {renamed.pool_id}, with its nodes\n" in listed
    assert f"  - job {renamed.job_id}, with its tasks\n" in listed
    assert renamed.pool() is not None
    renamed.destroy("--orphans")
    assert (renamed.pool() or {"state": "deleting"})["state"] == "deleting"
    assert renamed.plan()["strays"] == []


def test_a_plain_destroy_takes_it_along(renamed: Workload) -> None:
    shown = renamed.destroy().out
    assert f"deleted pool {renamed.pool_id}\n" in shown
    assert f"deleted job {renamed.job_id}\n" in shown
    renamed.edit(f"id: {renamed.pool_id}-b", f"id: {renamed.pool_id}")  # for who clears up


def test_blobs_in_containers_that_the_spec_has_left(bare: Workload) -> None:
    """They are found by the stamps of the pool and the job, shown, and deleted as orphans; containers stay."""
    bare.write_copies()
    bare.apply()
    bare.spec.write_text(
        f"{bare.spec.read_text()}containers: {{input: {bare.name}in, output: {bare.name}out}}\n"
    )
    assert [(stray["kind"], stray["id"], stray["blobs"]) for stray in bare.plan()["strays"]] == [
        ("container", "input", 2),
        ("container", "output", 2),
    ]
    text = bare.command("plan", SPEC).out
    assert (
        "  ! container output  no longer in the spec, and still there\n      · 2 blobs of the spec in it, 2 B\n"
        in text
    )
    assert "  - 2 outputs in container output, 2 B\n" in bare.destroy("--orphans").out
    assert bare.plan()["strays"] == []
    assert bare.pool() is not None
