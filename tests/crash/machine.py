"""The life of a spec, step by step at random: edits, plans, applies, crashes, other people, lost nodes, failing tasks.

And a line that drops; Azurite or the endpoint killed under an apply; a storage key that is rotated,
and a clock that jumps, both while the local account is off: what ran is begun anew, with the links it
has. So the key really is another one, and the time is the same for all who have a clock; a command's
own that was moved would sign links that Storage rightly refuses.

What has to be true is judged by what is there, read through the official SDKs, and by a ledger
that the tasks themselves write. Only a task's fingerprint is the product's own word.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from azure.core.exceptions import ResourceNotFoundError
from click.testing import CliRunner
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from main_job.switched_off import LINKS_LAST, earlier, let_time_pass, rotate_key, switched_off
from main_job.wire import Cut, Heard, Moment, listening, wired
from main_job.workload import Workload, wait_until

from batchspec.cli.main import cli
from batchspec.engine.look.reads import desired_now
from batchspec.errors import BatchspecError
from batchspec.plan.checks.safety import THRESHOLDS
from batchspec.service import embedded
from batchspec.service.connect import connect
from batchspec.workload.reading import read_spec

from .there import add_foreign, find, foreign, live_tasks, name_of, nodes, open_jobs, owned
from .wanted import NAMES, SETTINGS, WORDS, Ledger, Wanted

JUMPS = (timedelta(hours=2), timedelta(days=6.5), timedelta(days=8))
"""Past the limit that a job may have, past the time when links are renewed, past their end."""

_HELD_S = 1
_FORGETS_S = 6  # Azurite that is killed forgets the last five seconds, also of what is somebody else's
_KILL_AFTER_S = 6  # an apply that watches held tasks makes few calls

numbers = count(1)


class Life(RuleBasedStateMachine):
    """One spec on the local account. Subclassed with `projects`, the folder for them, and `tally`."""

    projects: Path
    tally: Counter[str]  # what happened in all lives

    def __init__(self) -> None:
        super().__init__()
        folder = self.projects / f"life-{next(numbers)}"
        (folder / ".git").mkdir(parents=True)  # what makes it a project, which downloads stay in
        same = {
            "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]
        }  # an apply that is killed is the same person's
        self.work = Workload(folder, embedded.ensure(lambda _: None), environment=same)
        self.tally["lives"] += 1
        self.wanted = Wanted()
        self.ledger = Ledger(self.work)
        self.strays: set[str] = set()  # paths of tasks that somebody else added
        self.theirs: set[str] = set()  # creation times of pools on which somebody else's metadata is
        self.edited: set[str] = set()  # names whose download somebody has changed
        self.refused: set[str] = set()  # the tasks' URLs whose links Storage refuses
        self.is_quiet = False  # whether an apply ended well and nothing happened since

    # The beginning and the end --------------------------------------------------------------------

    @initialize(contents=st.sets(st.sampled_from(NAMES), min_size=1))
    def begin(self, contents: set[str]) -> None:
        """A spec and its inputs, beside a pool, jobs and blobs that are somebody else's."""
        self.wanted.inputs = {name: f"{name}0" for name in sorted(contents)}
        self.wanted.write(self.work)
        add_foreign(self.work)
        self.foreign = foreign(self.work)
        self.kept_at = time.monotonic() + _FORGETS_S

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
        """An apply to the end; then all that can succeed has, and planning again finds only what failed.

        Downloads that somebody edited are kept as they are.
        """
        if self.refused & {task.url for task in live_tasks(self.work)}:
            assert self._apply() in (0, 3)  # they fail, each in its turn; the next apply runs them again
        self.refused.clear()
        failing = self._failing()
        runs = self._planned_runs()
        assert self._apply() in ({0, 3} if failing else {0})
        left = self._planned_runs()
        assert left <= failing, f"after an apply that was to run {runs}"
        assert left or not self._actions(), self._actions()
        found = find(self.work)
        for name in self.wanted.inputs.keys() - left:
            assert found.outputs[name][1] == self.wanted.output(name)
            here = (self.work.outputs / f"{name}.txt").read_text("utf-8")
            assert here == ("theirs" if name in self.edited else self.wanted.output(name))
        self.is_quiet = not left

    @rule(every=st.integers(2, 9), moment=st.sampled_from(Moment))
    def apply_over_a_line_that_drops(self, every: int, moment: Moment) -> None:
        """Calls are lost on their way, or their answers are: each is made again until it is known what became of it."""
        calls, turn = count(1), threading.Lock()

        def cut(now: Moment, _heard: Heard) -> None:
            with turn:
                is_lost = now is moment and next(calls) % every == 0
            if is_lost:
                self.tally["call lost"] += 1
                raise Cut

        with wired() as wire:
            wire.hook, wire.hooks_reads = cut, True
            self._apply_in_time()
        self.apply()

    @rule(which=st.sampled_from(["azurite", "run"]), name=st.sampled_from([None, *NAMES]))
    def apply_while_the_account_dies(self, which: str, name: str | None) -> None:
        """Azurite or the endpoint is killed with SIGKILL under an apply, and started again by whoever needs it."""
        if name is not None:
            self._change_an_input(name)
        self.ledger.lose("*")
        since = len(self.ledger.lines())
        time.sleep(max(0, self.kept_at - time.monotonic()))
        killing = threading.Timer(_HELD_S / 2, self._kill, [which])
        killing.start()
        try:
            self._apply_in_time()
        finally:
            killing.join()
        self.work.account = embedded.ensure(lambda _: None)
        self.ledger.excuse(since)
        self.ledger.lose("*")
        self.apply()

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
            self._change_an_input(name)
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
        self.ledger.lose("*")
        assert self._run("destroy", "--auto-approve") == 0
        wait_until(lambda: not any(owned(self.work)))
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
        for job in open_jobs(self.work):
            self.work.batch("PATCH", f"/jobs/{job}", {"priority": priority})
            self.is_quiet = False

    @rule()
    def somebody_adds_a_task(self) -> None:
        for job in open_jobs(self.work):
            id = f"stray-{next(numbers)}"
            self.work.batch("POST", f"/jobs/{job}/tasks", {"id": id, "commandLine": "/bin/true"})
            self.strays.add(f"/jobs/{job}/tasks/{id}")

    @rule(name=st.sampled_from(NAMES))
    def somebody_deletes_an_output(self, name: str) -> None:
        self.ledger.lose(name)
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
            (self.edited.discard if text is None else self.edited.add)(name)
            self.is_quiet = False

    @rule(data=st.data(), how=st.sampled_from(["preempt", "fail"]))
    def a_node_is_lost(self, data: st.DataObject, how: str) -> None:
        """Preempted, it comes back by itself; failed, when somebody looks after it (before the next apply)."""
        running = sorted(node["id"] for node in nodes(self.work) if node["state"] in ("idle", "running"))
        if running:
            self.ledger.lose("*")
            self.tally[f"node: {how}"] += 1
            node = data.draw(st.sampled_from(range(len(running))))
            self.work.batch("POST", f"/_local/nodes/{running[node]}/{how}", {})

    # While the local account is off ---------------------------------------------------------------

    @rule(is_busy=st.booleans())
    def the_storage_key_is_rotated(self, is_busy: bool) -> None:
        """The links that tasks were given are refused; the next apply signs others, with the new key."""
        with self._switched_off(is_busy) as home:
            rotate_key(home)
        self.refused |= {task.url for task in live_tasks(self.work)}
        self.tally["key rotated"] += 1

    @rule(by=st.sampled_from(JUMPS), is_busy=st.booleans())
    def the_clock_jumps(self, by: timedelta, is_busy: bool) -> None:
        """Links have ended, or will before long, and the time of a job may be up."""
        with self._switched_off(is_busy) as home:
            let_time_pass(home, by)
        self.theirs = {earlier(created, by) for created in self.theirs}
        self.refused |= {task.url for task in live_tasks(self.work) if task.age > LINKS_LAST}
        self.tally[f"clock jumped by {by}"] += 1

    # What is always true --------------------------------------------------------------------------

    @invariant()
    def it_goes_on(self) -> None:
        self.tally["steps"] += 1

    @invariant()
    def what_is_not_ours_is_untouched(self) -> None:
        if not hasattr(self, "foreign"):
            return
        assert foreign(self.work) == self.foreign
        for path in self.strays:
            assert self.work.batch("GET", path) is not None, path
        pool = self.work.pool()
        if pool is not None and pool["creationTime"] in self.theirs:
            assert "theirs" in {entry["name"] for entry in pool["metadata"]}

    @invariant()
    def there_is_one_pool_at_most(self) -> None:
        assert len([pool for pool in owned(self.work) if "vmSize" in pool]) <= 1

    @invariant()
    def no_work_was_done_twice(self) -> None:
        """In the tasks' own ledger none follows itself, unless it was lost in between."""
        assert not self.ledger.done_twice(), self.ledger.lines()

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
        self.wanted.write(self.work)

    def _change_an_input(self, name: str) -> None:
        self.write_an_input(name, 1 if self.wanted.inputs.get(name) == f"{name}0" else 0)

    @contextmanager
    def _switched_off(self, is_busy: bool) -> Iterator[Path]:
        """Within it the local account, whose home this is, is off. What is not done by then begins anew after it.

        Where it *is_busy*, there is work on all inputs, which is held, and more of it than there are nodes.
        """
        if is_busy:
            self.hold_the_tasks()
            for name in NAMES:
                self._change_an_input(name)
            self.apply_and_detach()
        names = [task.name for task in live_tasks(self.work)]
        with switched_off(self.work) as home:
            for name in names:
                self.ledger.lose(name)
            yield home

    def _apply_in_time(self) -> None:
        """An apply to the end, whatever comes between; some tasks may fail of it, and run again with the next one."""
        assert self._apply() in (0, 3)
        self.refused.clear()
        self.is_quiet = False

    def _kill(self, which: str) -> None:
        """Ends a process of the local account, as `azurite.json` or `run.json` names it."""
        said = json.loads((self.work.account.home / f"{which}.json").read_text("utf-8"))
        with suppress(psutil.NoSuchProcess):
            psutil.Process(said["pid"]).kill()
            self.tally[f"killed: {which}"] += 1

    def _apply(self) -> int:
        """The exit code of an apply to the end. It has to deal with tasks at work: what is held goes on meanwhile."""
        self._heal_nodes()
        self._expect_losses()
        letting_go = threading.Timer(_HELD_S, (self.work.folder / "hold").unlink, kwargs={"missing_ok": True})
        letting_go.start()
        code = self._run("apply", "--auto-approve", "--timeout", "90s", *self._allowed())
        letting_go.join()
        return code

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
        runs = {name_of(action["id"]) for action in actions if action["operation"] == "run"}
        assert before & after <= runs <= before | after, (before, runs, after)
        return runs

    def _needed(self) -> set[str]:
        """Names whose output is not there with the fingerprint it has to have, and that no live task makes."""
        with closing(connect("local", lambda _: None)) as account:
            spec = read_spec(self.work.spec)
            desired = desired_now(spec, account.blobs.list)
        found = find(self.work)
        works = {task.input.path: task.work for task in desired.tasks if task.input}
        return {
            name
            for path, work in works.items()
            for name in [path.rpartition("/")[2]]
            if found.outputs.get(name, ("", ""))[0] != work.fingerprint
            and (name, work.short) not in found.live
        }

    def _expect_losses(self) -> None:
        """Notes in the ledger whose tasks an apply from here may delete or disturb: they may run again."""
        for action in self._actions():
            if action["kind"] == "task" and action["operation"] == "delete":
                self.ledger.lose(name_of(action["id"]))
            if action["kind"] == "pool":
                self.ledger.lose("*")  # a smaller pool puts tasks back into the queue

    def _heal_nodes(self) -> None:
        for node in nodes(self.work):
            if node["state"] == "unusable":
                self.work.batch("POST", f"/pools/{self.work.pool_id}/nodes/{node['id']}/reboot", {})

    def _failing(self) -> set[str]:
        return {name for name in self.wanted.inputs if (self.work.folder / f"fail-{name}").exists()}

    def _allowed(self) -> Iterator[str]:
        for threshold in THRESHOLDS:
            yield from ("--allow", threshold)

    def _ours_since(self, number: int) -> list[dict[str, Any]]:
        return [entry for entry in self.work.requests_since(number) if self.work.name in entry["path"]]
