"""What is around a command, in its folder and in its environment, changes nothing about it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from main_job.workload import Workload


def test_a_repository_in_the_specs_folder_runs_nothing(bare: Workload) -> None:
    """Git runs what the configuration of a repository names; a pull request may bring one along as plain files."""
    bare.write_copies()
    marks = [_embed_repository(folder) for folder in (bare.spec.parent, bare.folder)]
    for words in (["validate"], ["plan"], ["plan", "--format", "markdown"], ["apply"], ["status"]):
        bare.command(*words, "specs/ffmpeg.yaml")
    assert not any(mark.exists() for mark in marks)


def test_a_proxy_that_is_dead_is_not_asked_for_this_machine(bare: Workload) -> None:
    """Everything works on the local account, whatever the environment says of the way out."""
    bare.write_copies()
    names = ("http_proxy", "https_proxy", "all_proxy")
    dead = {name: "http://127.0.0.1:9" for each in names for name in (each, each.upper())}
    bare.apply(env={**dead, "no_proxy": "", "NO_PROXY": ""})
    assert bare.downloaded() == {"a.out", "b.out"}


def _embed_repository(folder: Path) -> Path:
    """A bare repository is in *folder*, beside what is there; the file that its configuration would make."""
    mark = folder.with_name(f"{folder.name}-ran")
    git = ("git", "-C", str(folder))
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    for name, value in {
        "bare": "false",
        "worktree": str(folder),
        "fsmonitor": f"touch {mark}; false",
    }.items():
        subprocess.run([*git, "config", f"core.{name}", value], check=True)
    person = ("-c", "user.name=n", "-c", "user.email=e")
    subprocess.run([*git, *person, "commit", "--quiet", "--allow-empty", "-m", "m"], check=True)
    subprocess.run([*git, "status"], check=True, capture_output=True)
    assert mark.exists()  # it is armed
    mark.unlink()
    return mark
