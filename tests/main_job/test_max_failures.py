"""`safety.maxFailures`: a run in which too many tasks fail starts no more of them."""

from __future__ import annotations

from itertools import takewhile

import pytest

from batchspec.engine.run.brake import allows
from batchspec.language.model import Limit
from main_job.workload import Workload, wait_until

SPEC = "specs/ffmpeg.yaml"


def test_a_run_that_is_stopped_ends_its_job_and_one_that_is_killed_before_goes_on(bare: Workload) -> None:
    """Two failures disable the job while `a` and `c` run. Killed there, the next run goes on, and ends it."""
    bare.write(
        f"""\
work:
  inputs: clips/*
  command: >-
    case {{{{ input.name }}}} in
    b*) test -e {bare.folder}/fixed || exit 4;;
    *) until test -e {bare.folder}/go; do sleep 0.1; done;;
    esac; touch {{{{ output.path }}}}
  output: "{{{{ input.name }}}}.out"
read:
  inputs: {{from: work}}
  command: 'true'
""",
        rest="safety: {maxFailures: 1}",
    )
    bare.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 3")
    for name in ("a", "b1", "b2", "c"):
        (bare.clips / name).write_text(name)

    def is_stopped() -> bool:
        return (bare.job() or {}).get("state") == "disabling"

    with bare.started("apply", SPEC) as process:
        wait_until(is_stopped)
        said = bare.command("status", SPEC).out
        process.kill()
    assert "failed than safety.maxFailures allows: no further task starts" in said
    assert "enable" not in said
    with bare.started("apply", SPEC) as process:
        assert process.stderr is not None
        stops = "safety.maxFailures is 1: no further task starts; waiting for those that run\n"
        err = "".join(takewhile(lambda line: not line.endswith(stops), process.stderr))
        bare.let_go()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"the job {bare.job_id} was stopped by an earlier run; its tasks start again" in err
    assert ": 2 failed, 4 not run, 2 succeeded." in out
    assert (bare.job() or {})["executionInfo"]["terminateReason"] == "TooManyFailures"


@pytest.mark.parametrize(
    ("written", "failed", "ended", "is_allowed"),
    [
        (0, 1, 1, False),
        (3, 3, 3, True),
        (3, 4, 400, False),
        ("20%", 10, 10, True),  # not enough have ended
        ("20%", 3, 11, False),
        ("20%", 2, 11, True),
        ("20%", 20, 100, True),
    ],
)
def test_how_many_may_fail(written: int | str, failed: int, ended: int, is_allowed: bool) -> None:
    """A count at any time, a share of the tasks that have ended once they are more than `minObjects`."""
    assert allows(Limit(written), failed, ended, 10) is is_allowed
