"""No wrong result is ever recorded as right: after each accident the right bytes, and then nothing to do."""

from __future__ import annotations

from main_job.wire import Heard, Moment, listening
from main_job.workload import Workload, wait_until

CHAIN = """\
cut:
  inputs: clips/*
  command: bash {{ input.path }} {{ output.path }}
  output: "{{ input.name }}.cut"
glue:
  inputs: {from: cut}
  collect: true
  command: cat {{ inputs.paths }} > {{ output.path }}
  output: film.txt
"""


def write_chain(bare: Workload, **clips: str) -> None:
    """Each clip is a script, which its task runs with the output's path."""
    bare.write(CHAIN)
    for name, script in clips.items():
        (bare.clips / name).write_text(f"{script}\n")


def waits(bare: Workload, text: str) -> str:
    """A script that waits to be let go, and writes *text*."""
    return f"until test -e {bare.folder}/go; do sleep 0.05; done; echo {text} > $1"


def states(bare: Workload, generation: int = 1) -> dict[str, str]:
    """The states of tasks by the readable parts of their ids."""
    return {id.split("-")[0]: task["state"] for id, task in bare.tasks(generation).items()}


def check_whole(bare: Workload, film: str) -> None:
    """The film that people find is *film*, and there is nothing to do."""
    assert (bare.outputs / "film.txt").read_text().split() == film.split()
    assert bare.actions() == []


def test_a_producer_that_ends_well_without_its_file_starts_no_reader(bare: Workload) -> None:
    """A blob of that name from earlier work is there, and is not taken for the new one."""
    write_chain(bare, a="echo old > $1")
    bare.apply()
    (bare.clips / "a").write_text("true\n")
    ended = bare.apply(code=3)
    assert "1 failed, 1 not run" in ended.said
    assert "1 failed, 1 not run" in bare.command("status", "specs/ffmpeg.yaml").out
    (bare.clips / "a").write_text("echo new > $1\n")
    bare.apply()
    check_whole(bare, "new")


def test_a_producer_is_replaced_while_its_reader_waits(bare: Workload) -> None:
    """Both are, since what the reader waits for is made no more."""
    write_chain(bare, a="sleep 600", b="echo b > $1")
    bare.apply("--detach")
    wait_until(lambda: states(bare) == {"a": "running", "b": "completed", "glue": "active"})
    (bare.clips / "a").write_text("echo a > $1\n")
    bare.apply("--auto-approve")
    assert set(states(bare) | states(bare, 2)) == {"a", "b", "glue"}
    check_whole(bare, "a b")


def test_a_stage_is_added_to_a_spec_whose_job_runs(bare: Workload) -> None:
    """What is at work was added before anybody read it: it ends, its output is copied, and the reader runs."""
    write_chain(bare, a=waits(bare, "a"))
    chain = bare.spec.read_text()
    bare.spec.write_text(chain[: chain.index("  glue:")] + chain[chain.index("download:") :])
    bare.apply("--detach")
    wait_until(lambda: states(bare) == {"a": "running"})
    bare.spec.write_text(chain)
    with listening() as wire:

        def let_go(_moment: Moment, _heard: Heard) -> None:
            if any("outputFiles" in target for target, _ in wire.sent):
                bare.let_go()

        wire.hook, wire.hooks_reads = let_go, True
        ended = bare.apply("--auto-approve", env=wire.environment)
    assert "1 task could not be added yet" in ended.err
    check_whole(bare, "a")


def test_a_job_that_ends_between_planning_and_adding(bare: Workload) -> None:
    """What was at work in it is planned anew: a task of the next job waits for none of the last one."""
    write_chain(bare, a=waits(bare, "a"), b="echo b > $1")
    bare.apply("--detach")
    wait_until(lambda: states(bare)["a"] == "running")
    (bare.clips / "c").write_text("echo c > $1\n")
    with listening() as wire:

        def end_job(moment: Moment, heard: Heard) -> None:
            if moment is Moment.BEFORE and heard.path == f"/jobs/{bare.job_id}/addtaskcollection":
                wire.hook = None
                bare.batch("POST", f"/jobs/{bare.job_id}/terminate?api-version=2025-06-01", {})
                wait_until(lambda: (bare.job() or {})["state"] == "completed")
                bare.let_go()

        wire.hook = end_job
        ended = bare.apply("--auto-approve", env=wire.environment)
    assert "planning again" in ended.err
    assert set(states(bare, 2)) == {"a", "c", "glue"}
    check_whole(bare, "a b c")


def test_a_retry_blocks_nobody(bare: Workload) -> None:
    """The reader runs once the last try has ended well, with its bytes."""
    write_chain(bare, a="echo broken > $1; test -e ../tried || { touch ../tried; exit 9; }; echo a > $1")
    bare.edit(
        'output: "{{ input.name }}.cut"',
        'output: "{{ input.name }}.cut"\n    constraints: {maxTaskRetryCount: 2}',
    )
    bare.apply()
    check_whole(bare, "a")


def test_a_stage_is_added_beside_a_job_without_dependencies(bare: Workload) -> None:
    """An older version made it: it is finished first, and the reader goes into the next one."""
    write_chain(bare, a=waits(bare, "a"), b="echo b > $1")
    chain = bare.spec.read_text()
    without = chain[: chain.index("  glue:")] + chain[chain.index("download:") :]
    bare.spec.write_text(
        without.replace("constraints: {max", "usesTaskDependencies: false, constraints: {max")
    )
    bare.apply("--detach")
    wait_until(lambda: states(bare) == {"a": "running", "b": "completed"})
    bare.spec.write_text(chain)
    bare.let_go()
    bare.apply("--auto-approve")
    assert set(states(bare)) == {"a", "b"}
    assert set(states(bare, 2)) == {"glue"}
    check_whole(bare, "a b")


def test_an_evicted_task_leaves_no_file_of_its_first_attempt(bare: Workload) -> None:
    """The second attempt makes fewer files: the folder has these alone, and so has its reader."""
    bare.write(
        f"""\
cut:
  inputs: clips/*
  command: |
    if test -e {bare.folder}/go; then echo new > {{{{ output.path }}}}/1; exit; fi
    for name in 1 2 3; do echo old > {{{{ output.path }}}}/$name; done
    touch {bare.folder}/written
    sleep 600
  output: "{{{{ input.name }}}}-parts/"
glue:
  inputs: {{from: cut}}
  collect: true
  command: cat {{{{ inputs.folder }}}}/*/* > {{{{ output.path }}}}
  output: film.txt
"""
    )
    (bare.clips / "a").write_text("a")
    bare.apply("--detach")
    wait_until((bare.folder / "written").exists)
    bare.let_go()
    (node,) = [task["nodeInfo"]["nodeId"] for task in bare.tasks().values() if task["state"] == "running"]
    bare.batch("POST", f"/_local/nodes/{node}/preempt", {})
    bare.apply()
    assert {path for path in bare.downloaded() if "-parts/" in path} == {"a-parts/1"}
    check_whole(bare, "new")


def test_status_says_which_tasks_will_not_run(bare: Workload) -> None:
    """With nobody watching, the job stays open: what waits for a failed task is told as not run, the rest as it is."""
    write_chain(bare, a="exit 1", b=waits(bare, "b"))
    bare.edit(
        "glue:",
        "each:\n    inputs: {from: cut}\n    command: cp {{ input.path }} {{ output.path }}\n"
        '    output: "{{ input.stem }}.each"\n  glue:',
    )
    bare.apply("--detach")
    now = ["active"] * 3 + ["completed", "running"]
    wait_until(lambda: sorted(task["state"] for task in bare.tasks().values()) == now)
    said = bare.command("status", "specs/ffmpeg.yaml", "--format", "json").objects[0]
    assert (said["tasks"]["active"], said["notRun"], said["tasks"]["failed"]) == (1, 2, 1)
    bare.let_go()
    assert "2 not run" in bare.apply(code=3).out
