"""The life of a spec, step by step at random: edits, plans, applies, crashes, other people, lost nodes, failing tasks.

What has to be true is judged by what is there, read through the official SDKs, and by a ledger
that the tasks themselves write. Only a task's fingerprint is the product's own word.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from azure.core.exceptions import ResourceNotFoundError
from click.testing import CliRunner
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from main_job.wire import Cut, Heard, Moment, listening
from main_job.workload import Workload, wait_until

from batchspec.cli.main import cli
from batchspec.cli.options import read_spec
from batchspec.engine.inputs import find_inputs
from batchspec.errors import BatchspecError
from batchspec.plan.safety import THRESHOLDS
from batchspec.service.connect import connect
from batchspec.service.embedded import LocalAccount
from batchspec.spec.expand import expand

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
)
_HELD_S = 1
_KILL_AFTER_S = 6  # an apply that watches held tasks makes few calls
_ID = re.compile(r"(?P<name>.+?)-(?P<key>[a-z2-7]{10})-(?P<work>[a-z2-7]{10})(?:-\d+)?")

numbers = count(1)


@dataclass
class Wanted:
    """What the spec says, and the folder around it."""

    inputs: dict[str, str] = field(default_factory=dict)  # content by name
    word: str = WORDS[0]
    team: str = "video"
    nodes: int = 2
    priority: int = 0
    vm_size: str = "Standard_D2ds_v5"
    when_done: str = "keep"


class Found(NamedTuple):
    """What there is: outputs by name, as (fingerprint, text), and the live tasks by (name, work)."""

    outputs: dict[str, tuple[str, str]]
    live: set[tuple[str, str]]


class Life(RuleBasedStateMachine):
    """One spec on the local account. Subclassed with `account`, `home` (the folder for its projects) and `tally`."""

    account: LocalAccount
    home: Path
    tally: Counter[str]  # what happened in all lives

    def __init__(self) -> None:
        super().__init__()
        folder = self.home / f"life-{next(numbers)}"
        folder.mkdir()
        self.work = Workload(folder, self.account)
        self.tally["lives"] += 1
        self.wanted = Wanted()
        self.strays: set[str] = set()  # paths of tasks that somebody else added
        self.theirs: set[str] = set()  # creation times of pools on which somebody else's metadata is
        self.is_quiet = False  # whether an apply ended well and nothing happened since

    # The beginning and the end --------------------------------------------------------------------

    @initialize(contents=st.sets(st.sampled_from(NAMES), min_size=1))
    def begin(self, contents: set[str]) -> None:
        """A spec and its inputs, beside a pool, jobs and blobs that are somebody else's."""
        self.wanted.inputs = {name: f"{name}0" for name in sorted(contents)}
        self._write()
        pool = {"id": f"{self.work.pool_id}-2", "vmSize": "standard_d2ds_v5"}
        image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
        machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
        self.work.batch("POST", "/pools", {**pool, "virtualMachineConfiguration": machine})
        for id in (f"{self.work.job_id}-2", f"{self.work.job_id}-x"):
            self.work.batch("POST", "/jobs", {"id": id, "poolInfo": {"poolId": pool["id"]}})
        with self.work.blob_service() as service:
            for container in ("input", "output"):
                client = service.get_container_client(container)
                if not client.exists():
                    client.create_container()
                client.upload_blob(f"{self.work.name}-not/theirs", b"theirs")
        self.foreign = self._foreign()

    def teardown(self) -> None:
        """A life that went well ends well: with a last apply, after which all is there and quiet."""
        try:
            if sys.exception() is None and hasattr(self, "foreign"):
                self.let_no_task_fail()
                self.apply()
                self.no_work_was_done_twice()
                self.what_is_not_ours_is_untouched()
        finally:
            self.clear()

    def clear(self) -> None:
        """Takes away what there is, of whomever."""
        for name in ("hold", *(f"fail-{name}" for name in NAMES)):
            (self.work.folder / name).unlink(missing_ok=True)
        if hasattr(self, "foreign"):
            for job in self.work.jobs():
                self.work.batch("DELETE", f"/jobs/{job['id']}")
            for pool in (self.work.pool_id, f"{self.work.pool_id}-2"):
                self.work.batch("DELETE", f"/pools/{pool}")

    # Edits ----------------------------------------------------------------------------------------

    @rule(word=st.sampled_from(WORDS))
    def edit_the_command(self, word: str) -> None:
        self._edit(word=word)

    @rule(setting=st.sampled_from(SETTINGS))
    def edit_pool_or_job(self, setting: tuple[str, Any]) -> None:
        """A field of each effect: in place, resize, drain, and what becomes of the pool."""
        self._edit(**dict([setting]))

    @rule(name=st.sampled_from(NAMES), content=st.integers(0, 1))
    def write_an_input(self, name: str, content: int) -> None:
        """Adds an input, or changes its content, possibly back to what it was."""
        self._edit(inputs={**self.wanted.inputs, name: f"{name}{content}"})

    @precondition(lambda self: len(self.wanted.inputs) > 1)
    @rule(data=st.data())
    def remove_an_input(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(sorted(self.wanted.inputs)))
        self._edit(inputs={name: c for name, c in self.wanted.inputs.items() if name != gone})

    # How tasks behave -----------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES))
    def let_a_task_fail(self, name: str) -> None:
        (self.work.folder / f"fail-{name}").touch()

    @rule()
    def let_no_task_fail(self) -> None:
        for name in NAMES:
            (self.work.folder / f"fail-{name}").unlink(missing_ok=True)

    @rule()
    def hold_the_tasks(self) -> None:
        """Tasks that start from now on go on running until the next apply to the end."""
        (self.work.folder / "hold").touch()

    # Commands -------------------------------------------------------------------------------------

    @rule()
    def plan(self) -> None:
        """A plan reads only, lists an id once, and runs just what is neither done nor under way."""
        before = self.work.request_count()
        self._planned_runs()
        changed = [entry for entry in self._ours_since(before) if entry["method"] not in ("GET", "HEAD")]
        assert changed == []

    @rule()
    def apply(self) -> None:
        """An apply to the end; then all that can succeed has, and planning again finds only what failed."""
        self._heal_nodes()
        self._expect_losses()
        failing = self._failing()
        runs = self._planned_runs()
        # What is held goes on once the apply has begun: it has to deal with tasks at work.
        letting_go = threading.Timer(_HELD_S, (self.work.folder / "hold").unlink, kwargs={"missing_ok": True})
        letting_go.start()
        code = self._run("apply", "--auto-approve", "--timeout", "90s", *self._allowed())
        letting_go.join()
        assert code in ({0, 3} if failing else {0})
        left = self._planned_runs()
        assert left <= failing, f"after an apply that was to run {runs}"
        assert left or not self._actions(), self._actions()
        found = self._found()
        for name in self.wanted.inputs.keys() - left:
            text = f"{name} {self.wanted.word} {self.wanted.inputs[name]}\n"
            assert found.outputs[name][1] == text
            assert (self.work.outputs / f"{name}.txt").read_text("utf-8") == text
        self.is_quiet = not left

    @rule()
    def apply_and_detach(self) -> None:
        self._expect_losses()
        assert self._run("apply", "--auto-approve", "--detach", *self._allowed()) == 0
        self.is_quiet = False

    @rule()
    def change_ones_mind(self) -> None:
        """The command is changed and its tasks are started; before they end it is changed back."""
        before = self.wanted.word
        self.hold_the_tasks()
        self._edit(word=WORDS[1 - WORDS.index(before)])
        self.apply_and_detach()
        self._edit(word=before)

    @rule(number=st.integers(1, 45), moment=st.sampled_from(Moment), name=st.sampled_from([None, *NAMES]))
    def crash(self, number: int, moment: Moment, name: str | None) -> None:
        """An apply is killed with SIGKILL around one of its calls, or a while later where it makes fewer.

        With *name* it has work, if nothing else: a new or changed input of that name.
        """
        if name is not None:
            self.write_an_input(name, 1 if self.wanted.inputs.get(name) == f"{name}0" else 0)
        self._heal_nodes()
        self._expect_losses()
        numbers, killed = {moment: count(1) for moment in Moment}, threading.Event()
        turn = threading.Lock()

        def kill(now: Moment, _heard: Heard) -> None:
            with turn:
                if not killed.is_set() and next(numbers[now]) == number and now is moment:
                    killed.set()
                    process.kill()
                    process.wait()
            if killed.is_set():
                raise Cut

        words = ("apply", "specs/ffmpeg.yaml", "--auto-approve", *self._allowed())
        with listening() as wire:
            wire.hook, wire.hooks_reads = kill, True
            with self.work.started(*words, env=wire.environment) as process:
                end = time.monotonic() + _KILL_AFTER_S
                while process.poll() is None and time.monotonic() < end:
                    time.sleep(0.05)
                process.kill()
        self.tally["crash"] += process.returncode < 0
        self.is_quiet = False

    @rule()
    def destroy(self) -> None:
        """Nothing of the spec is there any more but its outputs."""
        self._lost("*")
        assert self._run("destroy", "--auto-approve") == 0
        wait_until(lambda: not any(self._ours()))
        assert self.work.inputs() == set()
        self.strays.clear()
        self.is_quiet = False

    # Others ---------------------------------------------------------------------------------------

    @rule(key=st.sampled_from(["theirs", "team"]))
    def somebody_writes_pool_metadata(self, key: str) -> None:
        """A key of their own stays; the value of a key that the spec has is put back."""
        pool = self.work.pool()
        if pool is None:
            return
        kept = [entry for entry in pool["metadata"] if entry["name"] != key]
        body = {"metadata": [*kept, {"name": key, "value": "theirs"}]}
        self.work.batch("PATCH", f"/pools/{self.work.pool_id}", body)
        if key == "theirs":
            self.theirs.add(pool["creationTime"])
        self.is_quiet = False

    @rule(priority=st.sampled_from([0, 7]))
    def somebody_changes_the_jobs_priority(self, priority: int) -> None:
        for job in self._open_jobs():
            self.work.batch("PATCH", f"/jobs/{job}", {"priority": priority})
            self.is_quiet = False

    @rule()
    def somebody_adds_a_task(self) -> None:
        for job in self._open_jobs():
            id = f"stray-{next(numbers)}"
            self.work.batch("POST", f"/jobs/{job}/tasks", {"id": id, "commandLine": "/bin/true"})
            self.strays.add(f"/jobs/{job}/tasks/{id}")

    @rule(name=st.sampled_from(NAMES))
    def somebody_deletes_an_output(self, name: str) -> None:
        self._lost(name)
        with self.work.blob_service() as service:
            try:
                service.get_blob_client("output", f"{self.work.name}/{name}.txt").delete_blob()
                self.is_quiet = False
            except ResourceNotFoundError:
                return

    @rule(name=st.sampled_from(NAMES), text=st.sampled_from([None, "theirs"]))
    def somebody_changes_a_download(self, name: str, text: str | None) -> None:
        file = self.work.outputs / f"{name}.txt"
        if file.exists():
            file.unlink() if text is None else file.write_text(text, "utf-8")
            self.is_quiet = False

    @rule(data=st.data(), how=st.sampled_from(["preempt", "fail"]))
    def a_node_is_lost(self, data: st.DataObject, how: str) -> None:
        """Preempted, it comes back by itself; failed, when somebody looks after it (before the next apply)."""
        nodes = sorted(node["id"] for node in self._nodes() if node["state"] in ("idle", "running"))
        if nodes:
            self._lost("*")
            self.tally[f"node: {how}"] += 1
            node = data.draw(st.sampled_from(range(len(nodes))))
            self.work.batch("POST", f"/_local/nodes/{nodes[node]}/{how}", {})

    # What is always true --------------------------------------------------------------------------

    @invariant()
    def it_goes_on(self) -> None:
        self.tally["steps"] += 1

    @invariant()
    def what_is_not_ours_is_untouched(self) -> None:
        if not hasattr(self, "foreign"):
            return
        assert self._foreign() == self.foreign
        for path in self.strays:
            assert self.work.batch("GET", path) is not None, path
        pool = self.work.pool()
        if pool is not None and pool["creationTime"] in self.theirs:
            assert "theirs" in {entry["name"] for entry in pool["metadata"]}

    @invariant()
    def there_is_one_pool_at_most(self) -> None:
        assert len([pool for pool in self._ours() if "vmSize" in pool]) <= 1

    @invariant()
    def no_work_was_done_twice(self) -> None:
        """In the tasks' own ledger none follows itself, unless it was lost in between."""
        last: dict[str, str] = {}
        for line in self._ledger():
            what, name, *fingerprint = line.split()
            if what == "LOST":
                for lost in [*last] if name == "*" else [name]:
                    last.pop(lost, None)
            else:
                assert last.get(name) != fingerprint[0], f"{name} ran twice: {self._ledger()}"
                last[name] = fingerprint[0]

    @invariant()
    def a_quiet_plan_is_empty(self) -> None:
        if self.is_quiet:
            assert self._actions() == []

    # How it is done -------------------------------------------------------------------------------

    def _edit(self, **changed: Any) -> None:
        for name, value in changed.items():
            if getattr(self.wanted, name) != value:
                setattr(self.wanted, name, value)
                self.is_quiet = False
        self._write()

    def _write(self) -> None:
        """The spec and the inputs. A task that succeeds writes into the ledger before its output goes up."""
        wanted, folder = self.wanted, self.work.folder
        command = (
            f"while test -e {folder}/hold; do sleep 0.05; done; "
            f"if test -e {folder}/fail-{{{{ input.name }}}}; then exit 1; fi; "
            "echo {{ input.name }} {{ params.word }} $(cat {{ input.path }}) > {{ output.path }}; "
            f"echo DONE {{{{ input.name }}}} $BATCHSPEC_FINGERPRINT >> {folder}/ledger"
        )
        spec = {
            "version": 1,
            "name": self.work.name,
            "params": {"word": wanted.word},
            "pool": {
                "id": self.work.pool_id,
                "vmSize": wanted.vm_size,
                "image": "canonical:ubuntu-24_04-lts:server",
                "targetLowPriorityNodes": wanted.nodes,
                "metadata": [{"name": "team", "value": wanted.team}],
                "whenDone": wanted.when_done,
            },
            "job": {
                "id": self.work.job_id,
                "priority": wanted.priority,
                "constraints": {"maxWallClockTime": "PT1H"},
            },
            "tasks": {"each": {"inputs": "clips/*", "command": command, "output": "{{ input.name }}.txt"}},
            "download": "../outputs/",
        }
        self.work.clips.mkdir(parents=True, exist_ok=True)
        self.work.spec.write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
        for name in NAMES:
            (self.work.clips / name).unlink(missing_ok=True)
        for name, content in wanted.inputs.items():
            (self.work.clips / name).write_text(content, "utf-8")

    def _run(self, *words: str) -> int:
        """Runs `batchspec WORDS SPEC` in this process; its exit code."""
        result = CliRunner().invoke(cli, [*words, str(self.work.spec)], standalone_mode=False)
        error = result.exception
        if error is not None and not isinstance(error, BatchspecError):
            raise error
        self.tally[f"command: {words[0]}{' --detach' if '--detach' in words else ''}"] += 1
        if error is not None:
            note(f"{words[0]}: {error} {error.help}")
        return error.exit_code if isinstance(error, BatchspecError) else int(result.return_value or 0)

    def _actions(self) -> list[dict[str, Any]]:
        result = CliRunner().invoke(
            cli, ["plan", "--format", "json", str(self.work.spec)], standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        found: list[dict[str, Any]] = json.loads(result.stdout)["actions"]
        for action in found:
            self.tally["planned: " + " ".join(action[key] for key in ("operation", "kind", "reason"))] += 1
        ids = Counter((action["kind"], action["id"]) for action in found)
        assert all(number == 1 for number in ids.values()), ids
        return found

    def _planned_runs(self) -> set[str]:
        """The names that a plan made now would run: what is neither done nor under way, and all of that."""
        before = self._needed()
        actions = self._actions()
        after = self._needed()
        runs = {_named(action["id"]) for action in actions if action["operation"] == "run"}
        assert before & after <= runs <= before | after, (before, runs, after)
        return runs

    def _needed(self) -> set[str]:
        """Names whose output is not there with the fingerprint it has to have, and that no live task makes."""
        with closing(connect("local", lambda _: None)) as account:
            spec = read_spec(self.work.spec)
            desired = expand(spec, find_inputs(spec, account.blobs.list))
        found = self._found()
        works = {task.input.path: task.work for task in desired.tasks if task.input}
        return {
            name
            for path, work in works.items()
            for name in [path.rpartition("/")[2]]
            if found.outputs.get(name, ("", ""))[0] != work.fingerprint
            and (name, work.short) not in found.live
        }

    def _found(self) -> Found:
        """What there is, tasks before outputs: one that ends in between is seen with its output."""
        live = set()
        for job in self._open_jobs():
            for task in self.work.batch("GET", f"/jobs/{job}/tasks")["value"]:
                match = _ID.fullmatch(task["id"])
                if match and task["state"] != "completed":
                    live.add((match["name"], match["work"]))
        outputs = {}
        with self.work.blob_service() as service:
            container = service.get_container_client("output")
            for blob in container.list_blobs(f"{self.work.name}/", include=["metadata"]):
                name = blob.name.removeprefix(f"{self.work.name}/")
                if name.endswith(".txt") and "/" not in name:
                    text = container.download_blob(blob.name).readall().decode()
                    fingerprint = (blob.metadata or {}).get("batchspec_fingerprint", "")
                    outputs[name.removesuffix(".txt")] = (fingerprint, text)
        return Found(outputs, live)

    def _expect_losses(self) -> None:
        """Notes in the ledger whose tasks an apply from here may delete or disturb: they may run again."""
        for action in self._actions():
            if action["kind"] == "task" and action["operation"] == "delete":
                self._lost(_named(action["id"]))
            if action["kind"] == "pool":
                self._lost("*")  # a smaller pool puts tasks back into the queue

    def _heal_nodes(self) -> None:
        for node in self._nodes():
            if node["state"] == "unusable":
                self.work.batch("POST", f"/pools/{self.work.pool_id}/nodes/{node['id']}/reboot", {})

    def _failing(self) -> set[str]:
        return {name for name in self.wanted.inputs if (self.work.folder / f"fail-{name}").exists()}

    def _lost(self, name: str) -> None:
        with (self.work.folder / "ledger").open("a", encoding="utf-8") as stream:
            stream.write(f"LOST {name}\n")

    def _ledger(self) -> list[str]:
        file = self.work.folder / "ledger"
        return file.read_text("utf-8").splitlines() if file.exists() else []

    def _allowed(self) -> Iterator[str]:
        for threshold in THRESHOLDS:
            yield from ("--allow", threshold)

    def _nodes(self) -> list[dict[str, Any]]:
        found = self.work.batch("GET", f"/pools/{self.work.pool_id}/nodes")
        return found["value"] if found else []

    def _open_jobs(self) -> list[str]:
        return [job["id"] for job in self._ours() if "poolInfo" in job and job["state"] == "active"]

    def _ours(self) -> list[dict[str, Any]]:
        """The pools and jobs that carry the spec's stamp."""
        listed = [*self.work.batch("GET", "/pools")["value"], *self.work.batch("GET", "/jobs")["value"]]
        stamp = {"name": "batchspec.spec", "value": self.work.name}
        return [entry for entry in listed if stamp in entry.get("metadata", ())]

    def _ours_since(self, number: int) -> list[dict[str, Any]]:
        return [entry for entry in self.work.requests_since(number) if self.work.name in entry["path"]]

    def _foreign(self) -> list[str]:
        """The ETags of what is somebody else's."""
        paths = [
            f"/pools/{self.work.pool_id}-2",
            f"/jobs/{self.work.job_id}-2",
            f"/jobs/{self.work.job_id}-x",
        ]
        with self.work.blob_service() as service:
            blobs = [
                service.get_blob_client(container, f"{self.work.name}-not/theirs").get_blob_properties().etag
                for container in ("input", "output")
            ]
        return [*(self.work.batch("GET", path)["eTag"] for path in paths), *blobs]


def _named(task_id: str) -> str:
    match = _ID.fullmatch(task_id)
    assert match is not None, task_id
    return match["name"]
