"""The main job's spec in a folder of its own, and the command as a person runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

_SAMPLE = Path(__file__).parents[2] / "specs"
_COMMAND = (sys.executable, "-c", "from batchspec.cli.entry import main; main()")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Workload:
    """A copy of the main job's spec and clips under names that no other test has."""

    folder: Path
    name: str

    @property
    def spec(self) -> Path:
        return self.folder / "specs" / "ffmpeg.yaml"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    @property
    def job_id(self) -> str:
        return f"{self.name}-job"

    def run(self, *words: str, environment: Mapping[str, str], within_s: float = 120) -> Ended:
        """`batchspec WORDS SPEC` with nothing of our own environment but where programs are."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        bare = {
            "PATH": os.defpath,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "BATCHSPEC_PRICES": "off",
        }
        ended = subprocess.run(
            [*_COMMAND, *words, str(self.spec)],
            env={**bare, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def copy_main_job(folder: Path) -> Workload:
    """The main job, copied into *folder*."""
    workload = Workload(folder, f"e{token_hex(5)}")
    (folder / ".git").mkdir(parents=True)  # what makes it a project, which downloads stay in
    shutil.copytree(_SAMPLE / "clips", workload.spec.parent / "clips")
    text = (_SAMPLE / "ffmpeg.yaml").read_text("utf-8")
    for old, new in (
        ("name: ffmpeg #", f"name: {workload.name} #"),
        ("id: linux-ffmpeg-pool", f"id: {workload.name}-pool"),
        ("id: linux-ffmpeg-job", f"id: {workload.job_id}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    workload.spec.write_text(text, "utf-8")
    return workload
