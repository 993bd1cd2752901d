"""`logs`: what precedes the text, which part of it is shown, and how a task is followed (issue 13)."""

import re

from main_job.workload import Workload, wait_until

SPEC = ("--spec", "specs/ffmpeg.yaml")


def test_failed_tasks_say_how_they_ran_and_how_they_ended(bare: Workload) -> None:
    """--failed: each with its header and the last lines; the file of one by its path; a start task's output."""
    bare.write(
        """
        cut:
          inputs: clips/*
          command: |
            seq 3
            mkdir -p out; echo deep > out/x.log
            test {{ input.name }} = good || { echo broken; exit 3; }
        """.replace("\n        ", "\n"),
        pool="startTask: {commandLine: 'sh -c \"echo ready\"'}",
        rest="",
    )
    for name in ("bad", "good", "worse"):
        (bare.clips / name).write_text(name)
    assert f"no task of {bare.name} has failed\n" in bare.command("logs", "--failed", *SPEC).err
    bare.apply(code=3)

    shown = bare.command("logs", "--failed", *SPEC, "--tail", "2", "--stream", "stdout")
    assert shown.out == "3\nbroken\n" * 2
    assert re.findall(r"^task +(\S+)", shown.err, re.MULTILINE) == ["cut/bad", "cut/worse"]
    assert (
        re.findall(r"^(?:state|attempt) .*", shown.err, re.MULTILINE)
        == [
            "state    failed: exit code 3",
            "attempt  1",
        ]
        * 2
    )
    for name in ("started", "ended", "node", "command"):
        assert len(re.findall(rf"^{name} ", shown.err, re.MULTILINE)) == 2
    assert [
        (found["name"], found["exitCode"], found["stdout"])
        for found in bare.command("logs", "--failed", *SPEC, "--tail", "1", "--format", "json").objects
    ] == [("cut/bad", 3, "broken\n"), ("cut/worse", 3, "broken\n")]

    assert bare.command("logs", "bad", *SPEC, "--file", "out/x.log").out == "deep\n"
    said = bare.command("logs", "bad", *SPEC, "--file", "out/y.log", code=1).err
    assert "has no file out/y.log, or the node that had it is gone\n" in said

    started = bare.command("logs", "--start-task", *SPEC)
    assert started.out == "ready\n"
    assert "state    succeeded: exit code 0\n" in started.err
    node = re.findall(r"^node +(\S+)", started.err, re.MULTILINE)[0]
    assert bare.command("logs", "--start-task", node, *SPEC).out == "ready\n"
    said = bare.command("logs", "--start-task", "nobody", *SPEC, code=64).err
    assert "error: no node is called nobody\n" in said


def test_a_task_is_followed_until_it_has_ended(bare: Workload) -> None:
    """--follow: lines come while the task runs, none twice, and the end of the last one, too."""
    bare.write(
        f"""
        say:
          command: |
            echo one; until test -e {bare.folder / "go"}; do sleep 0.1; done; printf 'two\\nth'; sleep 1.5; printf ree
        """.replace("\n        ", "\n"),
        rest="",
    )
    bare.apply("--detach")
    with bare.started("logs", "say", *SPEC, "--follow") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "one\n"
        assert {task["state"] for task in bare.tasks().values()} == {"running"}
        bare.let_go()
        out, err = following.communicate(timeout=60)
    assert (following.returncode, out) == (0, "two\nthree")
    assert err.endswith("--- succeeded: exit code 0\n")
    wait_until(lambda: {task["state"] for task in bare.tasks().values()} == {"completed"})


def test_one_thing_is_asked_for(bare: Workload) -> None:
    """Neither nothing nor two things; and what cannot be followed is said before the account is looked at."""
    for words in ((), ("a", "--failed"), ("--failed", "--follow"), ("a", "--follow", "--tail", "1")):
        assert "error: " in bare.command("logs", *words, *SPEC, code=64).err
