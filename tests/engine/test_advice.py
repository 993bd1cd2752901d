"""What a run advises at its end."""

import pytest

from batchspec.engine.run.progress.outcome import Outcome
from batchspec.engine.run.summary import advised
from tests.plan.case import desired_of

SPEC = """\
version: 1
name: work
pool: {{id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", {}}}
job: {{id: work}}
tasks: {{one: {{command: [sleep, '0']}}}}
"""


@pytest.mark.parametrize(
    ("nodes", "preempted", "is_advised"),
    [
        ("spot: 2", 3, False),
        ("spot: 2", 4, True),
        ("spot: 20", 20, False),
        ("autoscale: {max: 20, spot: true}", 20, False),
        ("autoscale: {max: 20, spot: true}", 21, True),
        ("autoscale: {max: 20}", 4, True),  # they are not the spec's any more
    ],
)
def test_dedicated_nodes_are_advised_when_each_spot_node_was_lost_more_than_once(
    nodes: str, preempted: int, is_advised: bool
) -> None:
    """A pool that scales itself counts with the most Spot nodes of its formula."""
    desired = desired_of({"spec": SPEC.format(nodes)})
    outcome = Outcome(desired.tasks)
    outcome.preempted = preempted
    assert bool(list(advised(desired.spec, outcome))) == is_advised
