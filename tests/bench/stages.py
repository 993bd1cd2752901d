"""A chain of so many groups whose tasks are unchanged, expanded and compared, for `growth`; no service is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.bench.measure import report, timed
from tests.bench.workload import FROM_BLOBS, made_up_inputs, spec_of

if TYPE_CHECKING:
    from batchspec.desired.task import Desired
    from batchspec.resources.blob import LiveBlob

_STAGE = """\
  stage-NUMBER:
    inputs: {from: BEFORE}
    command: [ffmpeg, -i, "{{ input.path }}", "{{ output.path }}"]
    output: "{{ input.stem }}.NUMBER.mp3"
"""


def spec_text(stages: int) -> str:
    """The bench's spec, with so many groups, each of which reads what the one before makes."""
    befores = ["audio", *(f"stage-{number}" for number in range(1, stages - 1))]
    return FROM_BLOBS + "".join(
        _STAGE.replace("NUMBER", str(number)).replace("BEFORE", before)
        for number, before in enumerate(befores[: stages - 1], 1)
    )


def judged(count: int, stages: int) -> None:
    """Finds that nothing is to be done for *count* inputs, each of which goes through all *stages*."""
    import batchspec.cli  # noqa: F401  # sets how often Python looks for dead cycles
    from batchspec.desired.artifacts.readable import Readable
    from batchspec.desired.expansion.expand import expand
    from batchspec.plan.here import nothing_here
    from batchspec.plan.observed import Seen
    from batchspec.plan.verdicts.work import Counted, find_work

    spec = spec_of(spec_text(stages))
    with timed() as taken:
        desired = expand(spec, Readable({"audio": made_up_inputs(count)}))
        Seen(desired.tasks).add_outputs(_outputs(desired))
        found = find_work(desired, Counted.ALL, nothing_here)
        runs = len(found.runs)
    if runs or len(desired.tasks) != count * stages:
        raise SystemExit(f"{runs} of {len(desired.tasks)} tasks run, and none of {count * stages} should")
    report(taken())


def _outputs(desired: Desired) -> Iterator[LiveBlob]:
    """What the tasks have made, as a listing tells of it."""
    from batchspec.resources.blob import LiveBlob
    from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA

    query = (
        "SELECT record, fingerprint, digest FROM task JOIN task_group ON name = group_name"
        " UNION SELECT coalesce(makes.blob, made), fingerprint, digest FROM makes JOIN task ON number = task"
        " JOIN task_group ON task_group.name = group_name"
    )
    for name, fingerprint, command in desired.tasks.database.rows(query):
        yield LiveBlob(
            name, 1, "0" * 32, "0x1", {FINGERPRINT_METADATA: fingerprint, COMMAND_METADATA: command}
        )


if __name__ == "__main__":
    judged(*map(int, sys.argv[1:]))
