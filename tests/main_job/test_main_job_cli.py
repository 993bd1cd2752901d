"""The commands: their help, their options (issue section 2)."""

import json
import subprocess
import sys

import pytest

from batchspec.cli import main as commands
from batchspec.engine.history.author import author_of
from batchspec.resources.base import author_text, with_author
from main_job.workload import BATCHSPEC, SAMPLE, Workload, wait_until

COMMANDS = tuple(commands.cli.list_commands(None))  # type: ignore[arg-type]
LOCAL = ("up", "status", "env", "down", "reset")


@pytest.mark.parametrize(
    "words", [(), *((name,) for name in COMMANDS), *(("local", name) for name in LOCAL)], ids=str
)
def test_every_help_has_an_example(words: tuple[str, ...]) -> None:
    """`--help` of every command ends well and has a line that can be copied."""
    done = subprocess.run([*BATCHSPEC, *words, "--help"], capture_output=True, text=True, check=True)
    assert "Example" in done.stdout
    assert "batchspec " in done.stdout.partition("Example")[2]


@pytest.mark.parametrize(
    "words",
    [("--help",), ("apply", "--help"), ("validate", str(SAMPLE / "ffmpeg.yaml")), ("init",), ("schema",)],
    ids=lambda words: words[0],
)
def test_help_and_validate_import_no_azure_package(words: tuple[str, ...]) -> None:
    """Commands that need no account load neither the SDK nor what is slow beside it."""
    program = (
        "import sys; from batchspec.cli.main import cli\n"
        f"try: cli.main({list(words)!r}, standalone_mode=False)\n"
        "finally: print([m for m in sys.modules if m.split('.')[0] in ('azure', 'requests', 'rich')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def _without_reader(workload: Workload, *words: str) -> int:
    """The exit code of a command whose reader has gone before it writes."""
    with workload.started(*words) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        return process.wait(timeout=60)


def test_a_command_that_only_shows_may_be_piped_into_head(workload: Workload) -> None:
    """A reader that has seen enough is no error."""
    assert _without_reader(workload, "schema") == 0
    assert _without_reader(workload, "plan", "specs/ffmpeg.yaml") == 0


def test_an_apply_whose_reader_goes_is_no_success(workload: Workload) -> None:
    """It was cut off, says so with 1, and the next one does what is left."""
    assert _without_reader(workload, "apply", "specs/ffmpeg.yaml") == 1
    assert "all 5 tasks succeeded" in workload.apply().out


def test_no_signature_or_key_in_anything_that_is_said(workload: Workload) -> None:
    """Neither a plan nor an event, nor a log, nor an error carries a SAS or a key (S-15)."""
    (workload.clips / "LowPriVMs-3.mp4").write_text("no video")
    said = [
        workload.plan().__repr__(),
        workload.apply("--format", "json", code=3).said,
        workload.apply(code=3).said,
        workload.command("status", "specs/ffmpeg.yaml").said,
        workload.command("logs", "LowPriVMs-3.mp4", "--spec", "specs/ffmpeg.yaml").said,
    ]
    for text in said:
        assert "sig=" not in text
        assert workload.account.batch_key not in text
        assert workload.account.storage_key not in text


def test_several_specs_are_planned_and_one_that_fails_stops_none(bare: Workload) -> None:
    """Files and folders in their order; the exit code is the worst, and an error says of which file it is."""
    bare.write_copies()
    wrong = bare.spec.with_name("wrong.yaml")
    wrong.write_text("version: 1\nname: wrong\ncolour: red\n")
    missing = str(bare.folder / "missing.yaml")
    said = bare.command("plan", missing, "specs", "specs/ffmpeg.yaml", "--detailed-exitcode", code=65)
    assert [line for line in said.out.splitlines() if line.startswith("spec ")] == [
        "spec    specs/ffmpeg.yaml"
    ] * 2
    assert f"error: cannot read {missing}: " in said.err
    assert "specs/wrong.yaml:3:1" in said.err
    found = bare.command("plan", "specs", "--format", "json", code=65).objects
    assert [(each["type"], each.get("file")) for each in found] == [
        ("plan", None),
        ("error", "specs/wrong.yaml"),
    ]
    bare.command("plan", "specs", "-o", "a.plan", code=64)
    wrong.unlink()
    bare.command("plan", "specs", "--detailed-exitcode", code=2)
    assert "clips has no YAML files" in bare.command("plan", "specs/clips", code=64).err


def test_detach_leaves_the_tasks_running_and_apply_comes_back_to_them(bare: Workload) -> None:
    """--detach ends at once with 0 and says how to look; the same command later brings the outputs home."""
    bare.write_held()
    ended = bare.apply("--detach")
    assert "left running" in ended.out
    assert "batchspec" in ended.out
    assert {task["state"] for task in bare.tasks().values()} <= {"active", "running"}
    assert len(bare.plan()["inProgress"]) == 2
    assert bare.downloaded() == set()
    bare.let_go()
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}
    assert len(bare.all_task_ids()) == 2
    assert bare.actions() == []


def test_detach_says_what_nobody_does_afterwards_and_what_stays(bare: Workload) -> None:
    """Before anything is done and at the end; `plan` says it beside `whenDone`."""
    bare.write_held()
    bare.spec.write_text(
        bare.spec.read_text("utf-8").replace("pool:\n", "pool:\n  whenDone: zero\n"), "utf-8"
    )
    beside = "after the run (whenDone: zero), but not with --detach"
    assert beside in bare.command("plan", "specs/ffmpeg.yaml").out
    ended = bare.apply("--detach")
    nobody = f"the pool {bare.pool_id} keeps its nodes when the tasks are done"
    assert nobody in ended.err
    assert f"  advice      {nobody}" in ended.out
    assert (
        "; its nodes are free here and stay until the next apply after the tasks (whenDone: zero)"
        in ended.out
    )
    bare.let_go()


def test_timeout_stops_watching_and_the_tasks_go_on(bare: Workload) -> None:
    """--timeout ends with 1 and says so; nothing is killed, and the same command goes on."""
    bare.write_held()
    ended = bare.apply("--timeout", "1s", code=1)
    assert "time is up" in ended.err
    bare.let_go()
    bare.apply("--timeout", "5m")
    assert bare.downloaded() == {"a.out", "b.out"}
    assert len(bare.all_task_ids()) == 2


def test_status_counts_the_tasks_and_watch_ends_with_them(bare: Workload) -> None:
    """`status` shows pool, job and counts; `status --watch` goes on until no task is at work."""
    bare.write_held()
    assert "does not exist" in bare.command("status", "specs/ffmpeg.yaml").out
    bare.apply("--detach")
    wait_until(lambda: "running" in {task["state"] for task in bare.tasks().values()})
    assert "running" in bare.command("status", "specs/ffmpeg.yaml").out
    with bare.started("status", "--watch", "specs/ffmpeg.yaml") as watching:
        bare.let_go()
        out, _ = watching.communicate(timeout=60)
        assert watching.returncode == 0
    assert "2 succeeded" in out


def test_logs_show_what_a_task_wrote_also_after_its_node_is_gone(bare: Workload) -> None:
    """By the input's name or the task's id, from the node, and from storage once pool, job and input are gone."""
    bare.write(
        """
        say:
          inputs: clips/*
          command: echo out of {{ input.name }}; echo err of {{ input.name }} >&2
        """.replace("\n        ", "\n"),
        rest="",
    )
    (bare.clips / "a b").write_text("a")
    bare.apply()
    (task_id,) = bare.tasks()
    for name in ("a b", "say/a b", task_id):
        assert (
            bare.command("logs", name, "--spec", "specs/ffmpeg.yaml", "--stream", "stdout").out
            == "out of a b\n"
        )
    (bare.clips / "a b").unlink()
    (bare.clips / "other").write_text("b")
    bare.delete(f"/jobs/{bare.job_id}")
    bare.delete(f"/pools/{bare.pool_id}")
    for name in ("a b", "say/a b", task_id):
        assert (
            bare.command("logs", name, "--spec", "specs/ffmpeg.yaml", "--stream", "stderr").out
            == "err of a b\n"
        )
    unknown = bare.command("logs", f"it's-{task_id}", "--spec", "specs/ffmpeg.yaml", code=64).err
    assert f"help: known: {task_id}\n" in unknown


def test_a_name_that_several_tasks_have_is_no_guess(bare: Workload) -> None:
    """The case `which-group`: an error lists them with their states, and their whole names work everywhere."""
    bare.write(
        """
        hd:
          inputs: clips/*
          command: "echo hd {{ input.name }}; exit 3"
        sd:
          inputs: clips/*
          matrix: {size: [1, 2]}
          command: echo {{ matrix.size }} {{ input.name }}
        """.replace("\n        ", "\n"),
        rest="",
    )
    (bare.clips / "talk.txt").write_text("a")
    bare.apply("--detach")
    wait_until(lambda: (bare.job() or {}).get("state") == "completed")
    _is_listed(bare)
    said = bare.command("status", "specs/ffmpeg.yaml").out
    assert "failed: hd/talk.txt  exit code 3\n" in said
    _lists_tasks(bare)
    logs = ("--spec", "specs/ffmpeg.yaml", "--stream", "stdout")
    assert bare.command("logs", "hd/talk.txt", *logs).out == "hd talk.txt\n"
    assert bare.command("logs", "sd/talk.txt[size=2]", *logs).out == "2 talk.txt\n"
    bare.edit("matrix: {size: [1, 2]}", "env: {A: b}")
    bare.edit("matrix.size", "input.name")
    bare.apply(code=3)
    said = bare.command("logs", "talk.txt", *logs, code=64).err
    assert "2 tasks" in said
    assert "one of hd/talk.txt (failed: exit code 3), sd/talk.txt (succeeded)" in said


def _is_listed(work: Workload) -> None:
    """`list` has the spec with its file, its pool and its nodes, which do nothing any more, and its job; and whose."""
    author = author_of(str(work.spec))
    by = author_text(with_author({}, author.user, author.commit))
    nodes = "2 nodes of standard_d2ds_v5, 2 of them Spot (2 idle)  IDLE"
    whole = f"{work.name}  specs/ffmpeg.yaml\n  pool  {work.pool_id}  {nodes}  applied by {by}\n\n"
    wait_until(lambda: whole in work.command("list", "--idle").out)
    assert work.command("list").out.endswith("which are free here\n")
    (listed,) = work.command("list", "--format", "json").objects
    (ours,) = [found for found in listed["specs"] if found["spec"] == work.name]
    (pool,) = ours["pools"]
    assert ours["files"] == ["specs/ffmpeg.yaml"]
    assert (pool["id"], pool["nodes"], pool["spotNodes"], pool["idle"]) == (
        work.pool_id,
        {"idle": 2},
        2,
        True,
    )
    assert ours["jobs"] == [{"id": work.job_id, "state": "completed", "appliedBy": by}]


def _lists_tasks(work: Workload) -> None:
    """`status` lists tasks by name and state: all, those that failed, those of a group."""
    status = ("status", "specs/ffmpeg.yaml")
    lines = work.command(*status, "--tasks").out.splitlines()
    assert sorted(lines[-3:]) == [
        "  failed     hd/talk.txt  exit code 3",
        "  succeeded  sd/talk.txt[size=1]",
        "  succeeded  sd/talk.txt[size=2]",
    ]
    assert (
        work.command(*status, "--group", "hd").out.splitlines()[-1] == "  failed     hd/talk.txt  exit code 3"
    )
    assert work.command(*status, "--failed").out.count("hd/talk.txt") == 1
    listed = work.command(*status, "--failed", "--group", "sd", "--format", "json").of_type("taskStatus")
    assert listed == []
    (listed,) = work.command(*status, "--failed", "--format", "json").of_type("taskStatus")
    assert (listed["name"], listed["state"], listed["failure"]) == ("hd/talk.txt", "completed", "exit code 3")
    assert "help: one of hd, sd\n" in work.command(*status, "--group", "nobody", code=64).err


def test_download_fetches_what_is_missing_or_differs_and_runs_nothing(workload: Workload) -> None:
    """A lost file comes back, and with --overwrite an edited one; the others are not fetched again."""
    workload.apply()
    before = {file.name: file.stat().st_mtime_ns for file in workload.outputs.iterdir()}
    (workload.outputs / "LowPriVMs-1.mp3").unlink()
    (workload.outputs / "LowPriVMs-2.mp3").write_bytes(b"changed")
    ended = workload.command("download", "specs/ffmpeg.yaml", "--overwrite")
    assert len(ended.out.splitlines()) == 2
    after = {file.name: file.stat().st_mtime_ns for file in workload.outputs.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"LowPriVMs-1.mp3", "LowPriVMs-2.mp3"}
    assert (workload.outputs / "LowPriVMs-2.mp3").stat().st_size > 1000
    assert workload.command("download", "specs/ffmpeg.yaml").out == ""


def test_init_gives_a_spec_that_validates_and_applies(bare: Workload) -> None:
    """The starter spec is right as it is, and its one task runs."""
    text = bare.command("init").out
    for old, new in (
        ("name: work", f"name: {bare.name}"),
        ("work-pool", bare.pool_id),
        ("work-job", bare.job_id),
    ):
        assert old in text
        text = text.replace(old, new)
    bare.spec.parent.mkdir()
    bare.spec.write_text(text, "utf-8")
    bare.command("validate", "specs/ffmpeg.yaml")
    bare.apply()
    assert (bare.spec.parent / "outputs" / "hello.txt").read_text().startswith("Hello from tvm")
    assert bare.actions() == []


def test_schema_prints_the_schema_that_lies_in_the_project() -> None:
    """`batchspec schema` is the file that editors use."""
    done = subprocess.run([*BATCHSPEC, "schema"], capture_output=True, text=True, check=True)
    shipped = SAMPLE.parent / "schemas" / "batchspec-v1.schema.json"
    assert json.loads(done.stdout) == json.loads(shipped.read_text("utf-8"))


def test_logs_of_a_task_that_never_started_say_why(bare: Workload) -> None:
    """Exit code 1, and what it waits for or what ended it."""
    bare.write_held()
    (bare.clips / "c").write_text("c")
    bare.apply("--detach")
    wait_until(lambda: [task["state"] for task in bare.tasks().values()].count("running") == 2)
    (waiting,) = (id for id, task in bare.tasks().items() if task["state"] == "active")
    name = waiting.split("-")[0]
    assert "2 running, 1 waiting" in bare.command("status", "specs/ffmpeg.yaml").out
    said = bare.command("logs", name, "--spec", "specs/ffmpeg.yaml", code=1).err
    assert f"error: {waiting} has not started: it waits for a free node (2 running), or for the tasks" in said
    bare.batch("POST", f"/jobs/{bare.job_id}/tasks/{waiting}/terminate", {})
    wait_until(lambda: bare.tasks()[waiting]["state"] == "completed")
    said = bare.command("logs", name, "--spec", "specs/ffmpeg.yaml", code=1).err
    assert f"error: {waiting} never started: " in said
