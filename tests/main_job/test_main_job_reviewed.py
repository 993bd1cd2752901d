"""What was reviewed is what runs: saved plans and plan ids, from the outside (issue 10.1)."""

import json

import pytest

from main_job.workload import Workload

START = "startTask: {commandLine: /bin/true, waitForSuccess: true}"


@pytest.fixture
def reviewed(bare: Workload) -> Workload:
    """A workload of one short task whose pool has a start task."""
    bare.write("one: { command: [sleep, '0'] }", pool=START, rest="")
    return bare


EDITS = {
    "the start task": ("/bin/true", "/bin/false", "startTask.commandLine"),
    "the size of the nodes": ("Standard_D2ds_v5", "Standard_D4ds_v5", "vmSize"),
    "what becomes of the pool": (
        "  targetLow",
        "  whenDone: delete\n  targetLow",
        "whenDone",
    ),
    "a limit of the job": ("PT1H", "PT2H", "constraints.maxWallClockTime"),
    "the command": ("sleep, '0'", "sleep, '1'", "would be done now: > task one-"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_10_1_an_edit_after_the_review_is_not_applied(reviewed: Workload, edit: str) -> None:
    """Neither by the saved plan nor by its id: 5, with what differs, and nothing is made."""
    old, new, said = EDITS[edit]
    reviewed.command("plan", "specs/ffmpeg.yaml", "-o", "saved.plan")
    plan_id = reviewed.plan()["planId"]
    reviewed.edit(old, new)
    assert said in reviewed.command("apply", "saved.plan", code=5).err
    assert plan_id in reviewed.apply("--plan-id", plan_id, code=5).err
    assert (reviewed.pool(), reviewed.jobs()) == (None, [])


def test_10_1_a_saved_plan_is_applied_once_and_shown_as_it_was(reviewed: Workload) -> None:
    """`show` prints what `plan` did; after the apply it says when that was, and a second apply is refused."""
    text = reviewed.command("plan", "specs/ffmpeg.yaml", "--all", "-o", "saved.plan").out
    shown = reviewed.command("show", "saved.plan").out
    assert shown.partition("\n\n")[2] == text.partition("\n\n")[2]
    reviewed.command("apply", "saved.plan")
    assert "APPLIED at " in reviewed.command("show", "saved.plan").out
    assert "was applied at" in reviewed.command("apply", "saved.plan", code=5).err


def test_10_1_a_file_that_says_something_else_is_refused(reviewed: Workload) -> None:
    """A plan file that was edited to show no changes makes no pool, and is not even shown."""
    reviewed.command("plan", "specs/ffmpeg.yaml", "-o", "saved.plan")
    file = reviewed.folder / "saved.plan"
    document = json.loads(file.read_text("utf-8"))
    document["plan"]["actions"] = []
    file.write_text(json.dumps(document), "utf-8")
    for command in ("show", "apply"):
        ended = reviewed.command(command, "saved.plan", code=64)
        assert "saved.plan was changed after it was saved" in ended.err
        assert "Traceback" not in ended.said
    assert reviewed.pool() is None


def test_10_1_a_plan_shows_what_it_makes_in_every_form(reviewed: Workload) -> None:
    """Size, image, nodes, start task, and what becomes of the pool: in text, Markdown and JSON."""
    lines = (
        '+ vmSize  "Standard_D2ds_v5"',
        '+ image  "canonical:ubuntu-24_04-lts:server:latest"',
        "+ targetLowPriorityNodes  2",
        '+ startTask.commandLine  "/bin/true"',
        "· it stays after the run (whenDone: keep)",
        '+ constraints.maxWallClockTime  "PT1H"',
    )
    for form in ("text", "markdown"):
        said = reviewed.command("plan", "specs/ffmpeg.yaml", "--format", form).out
        assert [line for line in lines if f"      {line}\n" not in said] == []
    plan = reviewed.plan()
    pool, job, _ = plan["actions"]
    assert pool["after"]["startTask"] == {"commandLine": "/bin/true", "waitForSuccess": True}
    assert (pool["before"], pool["after"]["targetLowPriorityNodes"]) == (None, 2)
    assert job["after"]["constraints"] == {"maxWallClockTime": "PT1H"}
    assert plan["terms"]["pool"] == {"whenDone": "keep"}
    assert plan["terms"]["safety"]["minObjects"] == 10


def test_10_1_a_changed_parameter_is_said_with_both_values(bare: Workload) -> None:
    """Records say which parameters made them, so the next plan says from what to what."""
    bare.write('one: { command: [sleep, "{{ params.seconds }}"] }', rest="params: {seconds: 0.1}")
    bare.apply()
    said = bare.command("plan", "specs/ffmpeg.yaml", "--set", "seconds=0.2").out
    assert "command changed" in said
    assert "        · params.seconds 0.1 -> 0.2\n" in said
