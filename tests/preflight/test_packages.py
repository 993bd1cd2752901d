"""Application packages of a spec, from its zip file to the task that runs what is in it."""

import zipfile
from pathlib import Path

import pytest
from main_job.workload import Workload

POOL = 'applicationPackages: { tool: { version: "7.1", file: tool.zip } }'
TASK = """\
one:
  command: "$AZ_BATCH_APP_PACKAGE_tool_7_1/tool {{ files }} > {{ output.path }}"
  output: one.txt
"""


def pack(file: Path, says: str) -> None:
    member = zipfile.ZipInfo("tool")
    member.external_attr = 0o100755 << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, f"#!/bin/sh\necho {says}\n")


@pytest.fixture
def packed(work: Workload) -> Workload:
    """A pool with a package whose tool a task runs; its version is the workload's own, as the account is shared."""
    version = f"7.{work.name}"
    work.write(TASK.replace("7_1", version.replace(".", "_")).replace(" {{ files }}", ""), pool=POOL)
    work.edit('"7.1"', f'"{version}"')
    pack(work.spec.parent / "tool.zip", "hello")
    return work


def test_a_package_is_uploaded_once_and_run_by_tasks(packed: Workload) -> None:
    """It is there before the pool, of which it is a part; what is there already is not uploaded again."""
    assert packed.actions()[:2] == [("create", "package", "missing"), ("create", "pool", "missing")]
    packed.apply()
    assert (packed.outputs / "one.txt").read_text("utf-8") == "hello\n"
    packed.edit("/tool >", "/tool again >")
    assert [kind for _, kind, _ in packed.actions()] == ["job", "task"]


def test_a_changed_package_needs_a_new_version(packed: Workload) -> None:
    """Before, nothing is done; with it, the pool has the new one when its nodes reboot."""
    packed.command("plan", "specs/ffmpeg.yaml", "-o", "saved.plan")
    packed.command("apply", "saved.plan")
    pack(packed.spec.parent / "tool.zip", "other")
    packed.edit("/tool >", "/tool again >")
    assert "error[BS0716]" in packed.command("plan", "specs/ffmpeg.yaml", code=1).out
    packed.edit('version: "7.', 'version: "8.')
    assert [(operation, kind) for operation, kind, _ in packed.actions()][:2] == [
        ("create", "package"),
        ("update", "pool"),
    ]


def test_a_package_that_cannot_be_used_is_a_finding(packed: Workload) -> None:
    """`validate` says so: no file, no zip file, a file outside of the project."""
    said = []
    for file, content in (("none.zip", None), ("tool.zip", "no zip"), ("../../../etc.zip", None)):
        packed.spec.write_text(packed.spec.read_text("utf-8").replace("tool.zip", file), "utf-8")
        if content:
            (packed.spec.parent / file).write_text(content)
        said.append(packed.command("validate", "specs/ffmpeg.yaml", code=65).said)
        packed.spec.write_text(packed.spec.read_text("utf-8").replace(file, "tool.zip"), "utf-8")
    assert "'none.zip' cannot be read: No such file or directory" in said[0]
    assert "'tool.zip' is not a zip file" in said[1]
    assert "error[BS0408]" in said[2]
