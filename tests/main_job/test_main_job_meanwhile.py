"""What happens between the plan that is shown and the one that is made again under the lock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from main_job.wire import Heard, Moment, Wire
from main_job.workload import Workload, wait_until

SPEC = "specs/ffmpeg.yaml"


@pytest.fixture
def held(bare: Workload) -> Workload:
    """Two tasks run until they are let go."""
    bare.write_held()
    bare.apply("--detach")
    wait_until(lambda: [task["state"] for task in bare.tasks().values()] == ["running"] * 2)
    return bare


def before_the_lock(wire: Wire, happens: Callable[[], object]) -> None:
    """Lets it happen once, after the first plan was made and before the second."""
    events = [happens]

    def hook(moment: Moment, heard: Heard) -> None:
        if moment is Moment.BEFORE and heard.path.endswith("lock?comp=lease") and events:
            events.pop()()

    wire.hook = hook


def test_tasks_that_end_meanwhile_are_nobodys_change(held: Workload, wire: Wire) -> None:
    """The plan that is made again is carried out: what it drains is what was approved."""

    def end() -> None:
        held.let_go()
        wait_until(lambda: {task["state"] for task in held.tasks().values()} == {"completed"})

    (held.clips / "c").write_text("c")
    held.edit("vmSize: Standard_D2ds_v5", "vmSize: Standard_D4ds_v5")
    before_the_lock(wire, end)
    held.apply("--auto-approve", env=wire.environment)
    assert held.downloaded() == {"a.out", "b.out", "c.out"}


@pytest.mark.parametrize("approves", [False, True])
def test_a_deletion_that_was_not_shown(held: Workload, wire: Wire, approves: bool) -> None:
    """Who approved nothing is asked, and without a terminal refused; --auto-approve approves this, too."""
    (held.clips / "c").write_text("c")
    before_the_lock(wire, (held.clips / "a").unlink)
    ended = held.apply(
        "--detach", *["--auto-approve"] * approves, code=0 if approves else 4, env=wire.environment
    )
    names = {id.split("-")[0] for id in held.tasks()}
    assert names == ({"b", "c"} if approves else {"a", "b"})
    said = "error: 1 action would delete, replace or drain a resource since the plan was shown and was not approved"
    assert (said in ended.err) is not approves


def test_a_job_that_completes_meanwhile_is_planned_again(held: Workload, wire: Wire) -> None:
    """Before it could be changed its tasks ended, and it with them: what is left goes into the next generation."""

    def end() -> None:
        held.let_go()
        wait_until(lambda: (held.job() or {})["state"] == "completed")

    def hook(moment: Moment, heard: Heard) -> None:
        if moment is Moment.BEFORE and heard.method == "PATCH" and heard.path == f"/jobs/{held.job_id}":
            end()

    (held.clips / "c").write_text("c")
    held.edit(f"job: {{id: {held.job_id},", f"job: {{id: {held.job_id}, priority: 5,")
    wire.hook = hook
    ended = held.apply(env=wire.environment)
    assert f"the job {held.job_id} has ended meanwhile: planning again." in ended.err
    assert [job["id"] for job in held.jobs()] == [held.job_id, f"{held.job_id}-2"]
    assert held.downloaded() == {"a.out", "b.out", "c.out"}
