"""Rules between fields: each is a change to a good spec and the findings it makes."""

import textwrap

import pytest

from batchspec.document.parser import parse
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.source import Severity, Source

POOL = "{id: p, vmSize: Standard_D2ds_v5, image: 'canonical:ubuntu-24_04-lts:server'"


def findings(text: str) -> list[str]:
    """`CODE line summary` of each finding, in order."""
    try:
        build(parse(Source("work.yaml", f"version: 1\nname: work\n{textwrap.dedent(text).strip()}\n")))
    except SpecError as error:
        errors = [found for found in error.diagnostics if found.severity is Severity.ERROR]
        return [f"{d.code} {d.position.line if d.position else 0} {d.summary}" for d in errors]
    return []


RULES = {
    "resize-timeout-from-five-minutes": (
        f"pool: {POOL}, resizeTimeout: PT4M59S}}",
        ["BS0602 3 pool.resizeTimeout: PT4M59S is not a duration that Batch accepts"],
    ),
    "resize-timeout-of-five-minutes": (f"pool: {POOL}, resizeTimeout: PT5M}}", []),
    "autoscale-interval-to-a-week": (
        f"pool: {POOL}, enableAutoScale: true, autoScaleFormula: $x=1, autoScaleEvaluationInterval: P7DT1S}}",
        ["BS0602 3 pool.autoScaleEvaluationInterval: P7DT1S is not a duration that Batch accepts"],
    ),
    "autoscale-interval-of-a-week": (
        f"pool: {POOL}, enableAutoScale: true, autoScaleFormula: $x=1, autoScaleEvaluationInterval: PT168H}}",
        [],
    ),
    "autoscale-interval-from-five-minutes": (
        f"pool: {POOL}, enableAutoScale: true, autoScaleFormula: $x=1, autoScaleEvaluationInterval: PT1M}}",
        ["BS0602 3 pool.autoScaleEvaluationInterval: PT1M is not a duration that Batch accepts"],
    ),
    "release-task-for-fifteen-minutes": (
        f"""
        pool: {POOL}}}
        job:
          id: j
          jobPreparationTask: {{commandLine: a, constraints: {{maxWallClockTime: PT2H}}}}
          jobReleaseTask: {{commandLine: a, retentionTime: P1D, maxWallClockTime: PT16M}}
        """,
        ["BS0602 7 job.jobReleaseTask.maxWallClockTime: PT16M is not a duration that Batch accepts"],
    ),
    "duration-from-a-parameter": (
        f"""
        params: {{limit: 90 minutes}}
        pool: {POOL}, resizeTimeout: "{{{{ params.limit }}}}"}}
        """,
        ["BS0123 4 `90 minutes` is not a valid resizeTimeout"],
    ),
    "depends-on-ids-that-nobody-knows": (
        f"""
        pool: {POOL}}}
        job: {{id: j, usesTaskDependencies: true}}
        tasks:
          late: {{command: [a], dependsOn: {{taskIds: [b]}}}}
        """,
        ["BS0614 6 tasks.late.dependsOn: the ids of tasks are not known to the spec"],
    ),
    "command-on-windows": (
        """
        pool: {id: p, vmSize: Standard_D2s_v5, image: "microsoftwindowsserver:windowsserver:2022-datacenter-core"}
        job: {id: j}
        tasks:
          list: {command: [a]}
          text: {command: a}
          raw: {commandLine: cmd /c a}
        """,
        [
            "BS0611 6 tasks.list.command: `command` needs a Linux node",
            "BS0611 7 tasks.text.command: `command` needs a Linux node",
        ],
    ),
    "job-action-needs-on-task-failure": (
        f"""
        pool: {POOL}}}
        job: {{id: j}}
        tasks:
          risky:
            command: [a]
            exitConditions:
              exitCodes:
                - {{code: 3, exitOptions: {{jobAction: terminate}}}}
              default: {{dependencyAction: block}}
        """,
        [
            "BS0603 10 tasks.risky.exitConditions.exitCodes[0].exitOptions.jobAction:"
            " the job ignores exit options"
        ],
    ),
    "required-slots-fit-a-node": (
        f"""
        pool: {POOL}, taskSlotsPerNode: 2}}
        job: {{id: j, jobManagerTask: {{id: m, commandLine: a, requiredSlots: 3}}}}
        tasks:
          two: {{command: [a], requiredSlots: 2}}
          three: {{command: [a], requiredSlots: 3}}
        """,
        [
            "BS0604 4 job.jobManagerTask.requiredSlots: 3 slots, and a node of the pool has 2",
            "BS0604 7 tasks.three.requiredSlots: 3 slots, and a node of the pool has 2",
        ],
    ),
    "slots-of-an-existing-pool-are-not-known": (
        """
        pool: {existing: p}
        job: {id: j}
        tasks:
          three: {command: [a], requiredSlots: 3}
        """,
        [],
    ),
    "a-formula-and-targets": (
        f"pool: {POOL}, enableAutoScale: true, autoScaleFormula: $x=1, targetDedicatedNodes: 1}}",
        ["BS0128 3 `targetDedicatedNodes` is not allowed here"],
    ),
    "protected-and-deleted": (
        f"pool: {POOL}, protect: true, whenDone: delete}}",
        ["BS0605 3 pool.protect: `whenDone: delete` would delete a pool that is protected"],
    ),
    "ignored-fields-are-fields": (
        f"""
        pool: {POOL}}}
        ignoreChanges: [pool.targetDedicatedNode, pool.startTask.commandLine, pool.spot, job.metadata.team]
        """,
        ["BS0606 4 ignoreChanges[0]: `pool.targetDedicatedNode`: there is no field `targetDedicatedNode`"],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """A spec against a rule gives that rule's finding at its line, and no other."""
    text, expected = RULES[rule]
    assert findings(text) == expected
