"""R-32: the storage key is rotated while tasks wait, and so Storage refuses the links that they were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.switched_off import rotate_key, switched_off
from main_job.workload import Workload, make_workload

from batchspec.service import embedded


@pytest.fixture
def alone(tmp_path: Path, home: Path) -> Iterator[Workload]:
    """A workload of two tasks on a local account of its own, whose key may be changed; the pool has no node yet."""
    account = embedded.ensure(lambda _: None)
    for workload in make_workload(tmp_path, account):
        workload.write_copies()
        workload.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 0")
        yield workload


def test_r32_a_rotated_key_is_named_and_the_next_apply_mends_it(alone: Workload) -> None:
    """The tasks that waited fail as BlobAccessDenied, which is said with its cause; the same command signs anew."""
    alone.apply("--detach")
    with switched_off(alone) as home:
        rotate_key(home)
    alone.edit("targetLowPriorityNodes: 0", "targetLowPriorityNodes: 2")
    ended = alone.apply(code=3)
    assert "2 failed: BlobAccessDenied" in ended.out
    assert "the storage account's key was rotated" in ended.out
    status = json.loads(alone.command("status", "specs/ffmpeg.yaml", "--format", "json").out)
    assert status["help"].startswith("Storage refuses the links of these tasks")
    assert "key was rotated" in alone.command("status", "specs/ffmpeg.yaml").out
    alone.apply()
    assert alone.downloaded() == {"a.out", "b.out"}
    assert alone.actions() == []


def test_r32_an_output_that_is_refused_is_named_too(bare: Workload) -> None:
    """Links that end while a task runs make its upload fail; that is said, and mended, the same way."""
    bare.write_copies()
    bare.batch("POST", "/_local/faults", {"operation": "write_blob", "expired": True, "times": 0})
    try:
        ended = bare.apply(code=3)
    finally:
        bare.batch("DELETE", "/_local/faults")
    assert "2 failed: FileUploadAccessDenied" in ended.out
    assert "help: Storage refuses the links of these tasks" in ended.out
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}


def test_r31_an_identity_without_a_role_is_named(bare: Workload) -> None:
    """With an identity there is no link to renew: it lacks a role, and what to give it is said."""
    bare.write_copies()
    name = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/encoder"
    )
    bare.edit(f"name: {bare.name}", f"name: {bare.name}\nidentity: {name}")
    bare.batch("POST", "/_local/faults", {"operation": "read_blob", "expired": True, "times": 0})
    try:
        ended = bare.apply(code=3)
    finally:
        bare.batch("DELETE", "/_local/faults")
    assert (
        "help: Storage refuses the identity encoder: give it the role Storage Blob Data Contributor"
        in ended.out
    )
