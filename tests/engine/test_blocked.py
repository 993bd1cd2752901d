"""What waits for tasks that failed, and what does not."""

from batchspec.engine.run.progress.outcome import Followed, Outcome
from batchspec.resources.task import CANCELLED
from tests.plan.case import desired_of

SPEC = """\
version: 1
name: work
pool: {id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server"}
job: {id: work}
tasks:
  one: {command: "true > {{ output.path }}", output: one}
  two: {inputs: {from: one}, command: "true > {{ output.path }}", output: two}
  three: {inputs: {from: two}, command: "true > {{ output.path }}", output: three}
  else: {command: "true > {{ output.path }}", output: else}
"""


def test_what_waits_for_two_that_ended_badly_is_counted_once() -> None:
    """A count of two would be taken for another task, too: a run would wait for ever, or end one that could run."""
    tasks = desired_of({"spec": SPEC}).tasks
    outcome = Outcome(tasks)
    outcome.follow("job", [Followed(task.group.name, number) for number, task in enumerate(tasks)])
    outcome.end("job", "one", "exit code 1")
    outcome.end("job", "two", CANCELLED)
    assert (outcome.pending("job"), outcome.blocked("job")) == (2, 1)
    outcome.give_up_blocked("job")
    assert (outcome.pending("job"), outcome.not_run) == (1, 1)
