"""Links that end before their task begins (R-30), where it reads what another task makes."""

from __future__ import annotations

import json
from pathlib import Path

from workloads.test_many import desired

from batchspec.desired.task import Desired
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.model import Plan, Reason
from batchspec.plan.observed import Observed, Seen
from batchspec.resources.base import owner
from batchspec.resources.task import LiveTask

CHAIN = """\
  cut:
    matrix: {n: [1]}
    command: "sleep 600; echo > {{ output.path }}"
    output: cut.txt
  glue:
    inputs: {from: cut}
    collect: true
    command: "cat {{ inputs.paths }} > {{ output.path }}"
    output: film.txt
"""


def plan_of(made: Desired, states: dict[str, str], *ending: str) -> Plan:
    """The plan while the tasks of these groups are in these states, and links of those *ending* end."""
    ids = {task.group.name: task.id for task in made.tasks}
    seen = Seen(made.tasks)
    seen.add_tasks(
        [json.dumps({"value": [{"id": ids[name], "state": state} for name, state in states.items()]})]
    )
    seen.add_ending(LiveTask(ids[name], states[name], "") for name in ending)
    assert made.job is not None
    live = {**made.job, "id": "j", "state": "active", "onAllTasksComplete": "terminatejob"}
    assert owner(live) == "many"
    return make_plan(made, Observed(pool={"id": "p"}, jobs=[live], seen=seen))


def test_a_reader_that_waits_too_long_gets_new_links_and_waits_on(tmp_path: Path) -> None:
    """It is added again behind the task that it waits for, which goes on."""
    made = desired(tmp_path, CHAIN)
    cut, glue = made.tasks
    work = plan_of(made, {"cut": "running", "glue": "active"}, "glue").work
    assert [(run.task.name, run.reason) for run in work.runs] == [("glue", Reason.LINKS_END)]
    assert [removal.id for removal in work.removals] == [glue.id]
    assert work.waits_for(glue.number) == [cut.id]


def test_with_a_producer_that_gets_new_links_goes_its_reader(tmp_path: Path) -> None:
    """What it waits for is another task then."""
    made = desired(tmp_path, CHAIN)
    cut, glue = made.tasks
    work = plan_of(made, {"cut": "active", "glue": "active"}, "cut").work
    assert [run.task.name for run in work.runs] == [cut.name, "glue"]
    assert {removal.id for removal in work.removals} == {cut.id, glue.id}
    assert work.waits_for(glue.number) == [run.id for run in work.runs][:1]
