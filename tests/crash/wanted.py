"""What the spec of a life says, and how its tasks behave: a command that can be held, or made to fail, and a ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from main_job.workload import Workload

from batchspec.resources.task_fields import NO_LIMIT

NAMES = ("a", "b", "c")
WORDS = ("old", "new")
SETTINGS: tuple[tuple[str, Any], ...] = (
    ("team", "video"),
    ("team", "audio"),
    ("nodes", 1),
    ("nodes", 2),
    ("vm_size", "Standard_D2ds_v5"),
    ("vm_size", "Standard_D4ds_v5"),
    ("when_done", "keep"),
    ("when_done", "zero"),
    ("when_done", "delete"),
    ("priority", 0),
    ("priority", 5),
    ("limit", "PT1H"),
    ("limit", NO_LIMIT),  # links of a job with a long one would last as long
)


@dataclass
class Wanted:
    """What the spec says, and the folder around it."""

    inputs: dict[str, str] = field(default_factory=dict)  # content by name
    word: str = WORDS[0]
    team: str = "video"
    nodes: int = 2
    priority: int = 0
    limit: str = NO_LIMIT  # of the job
    vm_size: str = "Standard_D2ds_v5"
    when_done: str = "keep"

    def write(self, work: Workload) -> None:
        """The spec and the inputs are there."""
        work.clips.mkdir(parents=True, exist_ok=True)
        work.spec.write_text(yaml.safe_dump(self._spec(work), sort_keys=False), "utf-8")
        for name in NAMES:
            (work.clips / name).unlink(missing_ok=True)
        for name, content in self.inputs.items():
            (work.clips / name).write_text(content, "utf-8")

    def output(self, name: str) -> str:
        """What the task of an input makes of it."""
        return f"{name} {self.word} {self.inputs[name]}\n"

    def _spec(self, work: Workload) -> dict[str, Any]:
        """A task that succeeds writes into the ledger before its output goes up."""
        folder = work.folder
        command = (
            f"while test -e {folder}/hold; do sleep 0.05; done; "
            f"if test -e {folder}/fail-{{{{ input.name }}}}; then exit 1; fi; "
            "echo {{ input.name }} {{ params.word }} $(cat {{ input.path }}) > {{ output.path }}; "
            f"echo DONE {{{{ input.name }}}} $BATCHSPEC_FINGERPRINT >> {folder}/ledger"
        )
        return {
            "version": 1,
            "name": work.name,
            "params": {"word": self.word},
            "pool": {
                "id": work.pool_id,
                "vmSize": self.vm_size,
                "image": "canonical:ubuntu-24_04-lts:server",
                "targetLowPriorityNodes": self.nodes,
                "metadata": [{"name": "team", "value": self.team}],
                "whenDone": self.when_done,
            },
            "job": {
                "id": work.job_id,
                "priority": self.priority,
                "constraints": {"maxWallClockTime": self.limit},
            },
            "tasks": {"each": {"inputs": "clips/*", "command": command, "output": "{{ input.name }}.txt"}},
            "download": "../outputs/",
        }


class Ledger(NamedTuple):
    """Which tasks did their work, in order, as they wrote it down; and whose work may have been lost in between."""

    work: Workload

    def lines(self) -> list[str]:
        file = self.work.folder / "ledger"
        return file.read_text("utf-8").splitlines() if file.exists() else []

    def lose(self, name: str) -> None:
        """From here the task of *name* may do again what it did last; `*`: any task may."""
        with (self.work.folder / "ledger").open("a", encoding="utf-8") as stream:
            stream.write(f"LOST {name}\n")

    def excuse(self, since: int) -> None:
        """What stands from line *since* on may have been done again at once: the tasks outlive their endpoint."""
        lines = self.lines()
        excused = [each for line in lines[since:] for each in ("LOST *", line)]
        if excused:
            text = "\n".join([*lines[:since], *excused])
            (self.work.folder / "ledger").write_text(f"{text}\n", "utf-8")

    def done_twice(self) -> list[str]:
        """The names whose task did the same work again, and nothing was lost in between."""
        last: dict[str, str] = {}
        twice = []
        for line in self.lines():
            what, name, *fingerprint = line.split()
            if what == "LOST":
                for lost in [*last] if name == "*" else [name]:
                    last.pop(lost, None)
            else:
                if last.get(name) == fingerprint[0]:
                    twice.append(name)
                last[name] = fingerprint[0]
        return twice
