"""Pools that scale by a formula: which are taken, what a run says, what is sampled."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient

from batchspec.language.autoscale import scaling_fields
from tests.emulator.clock import ManualClock

from .conftest import UBUNTU, Served, job_body, wait_until
from .steps import idle_nodes, refused, run_task, steady

NODES = {"vmSize": "standard_d2ds_v5", "virtualMachineConfiguration": UBUNTU}
NO_FORMULA = "$TargetDedicatedNodes = (1;"


def scaling(formula: str = "$TargetDedicatedNodes = 0;", **changes: Any) -> dict[str, Any]:
    return {**NODES, **changes, "enableAutoScale": True, "autoScaleFormula": formula}


def evaluated(client: BatchClient, formula: str) -> Any:
    return client.evaluate_pool_auto_scale("pool", {"autoScaleFormula": formula})


def number(client: BatchClient, expression: str) -> int:
    """What *expression* is now, as far as a number of nodes can show it."""
    run = evaluated(client, f"$TargetDedicatedNodes = {expression};")
    assert run.error is None, run.error
    return int(run.results.partition("=")[2].partition(";")[0])


def test_what_is_no_formula_is_refused_everywhere(client: BatchClient) -> None:
    """Before a pool is created or enabled, when one is evaluated, in auto pools and in job schedules."""
    client.create_pool({"id": "pool", **scaling()})
    client.create_pool({"id": "fixed", "vmSize": "standard_d2ds_v5", "virtualMachineConfiguration": UBUNTU})
    steady(client)
    steady(client, "fixed")
    auto = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": scaling(NO_FORMULA)}}
    schedule = {"id": "schedule", "schedule": {}, "jobSpecification": {"poolInfo": auto}}
    formula = {"autoScaleFormula": NO_FORMULA}
    for call in (
        lambda: client.create_pool({"id": "new", **scaling(NO_FORMULA)}),
        lambda: client.enable_pool_auto_scale("fixed", formula),
        lambda: client.evaluate_pool_auto_scale("pool", formula),
        lambda: client.create_job({"id": "job", "poolInfo": auto}),
        lambda: client.create_job_schedule(schedule),
    ):
        error = refused(call)
        assert (error.status_code, error.error.code) == (400, "AutoScalingFormulaSyntaxError")
        (reason,) = error.error.details
        assert reason.message == "line 1, column 27: `;` is unexpected here"
    assert [pool.id for pool in client.list_pools()] == ["fixed", "pool"]


def test_a_formula_that_is_too_long_is_refused(client: BatchClient) -> None:
    """8,192 characters at most."""
    error = refused(client.create_pool, {"id": "pool", **scaling("// " + "x" * 8190)})
    assert (error.status_code, error.error.code) == (400, "AutoScalingFormulaTooLong")


def test_what_cannot_be_evaluated_is_no_syntax_error(client: BatchClient) -> None:
    """The pool is made and keeps its size; its run has the error, and so has an evaluation, with 200."""
    client.create_pool({"id": "pool", **scaling("$something_useless")})
    run = client.get_pool("pool").auto_scale_run
    assert run.error.code == "AutoScalingFormulaEvaluationError"
    assert run.error.message == "line 1, column 1: $something_useless is not known here"
    unchanged = "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    assert run.results == unchanged
    steady(client)
    run = evaluated(client, "$TargetDedicatedNodes = 3; x = 1 / 0;")
    assert (run.error.code, run.results) == ("AutoScalingFormulaEvaluationError", unchanged)


def test_results_name_ones_own_variables(client: BatchClient) -> None:
    """After the targets and the option, in the order of their names."""
    client.create_pool({"id": "pool", **scaling()})
    steady(client)
    run = evaluated(
        client, "b = 2; a = 0.5; $TargetDedicatedNodes = b; $NodeDeallocationOption = taskcompletion;"
    )
    assert run.results == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;a=0.5;b=2"
    )


def test_a_pool_follows_its_tasks(start: Callable[..., Served], clock: ManualClock) -> None:
    """It grows with what waits, and shrinks to nothing when all is done, each time the formula is due."""
    served = start(clock)
    with served.client() as client:
        formula = """
            waiting = max(0, max($PendingTasks.GetSample(TimeInterval_Minute)));
            $TargetDedicatedNodes = min(2, waiting);
        """
        client.create_pool({"id": "pool", **scaling(formula, autoScaleEvaluationInterval="PT5M")})
        wait_until(lambda: client.get_pool("pool").allocation_state == "steady")
        client.create_job(job_body())
        for n in range(3):
            client.create_task("job", {"id": f"t{n}", "commandLine": "sleep 0.1"})
        clock.advance(5 * 60 + 1)
        wait_until(lambda: len(list(client.list_nodes("pool"))) == 2)
        wait_until(lambda: client.get_job_task_counts("job").task_counts.succeeded == 3)
        clock.advance(5 * 60 + 1)
        wait_until(lambda: not list(client.list_nodes("pool")))


def test_the_shorthand_scales_to_zero_by_itself(start: Callable[..., Served], clock: ManualClock) -> None:
    """A node at once for the first task, and none after `idle`, with no client that asks for it."""
    served = start(clock)
    with served.client() as client:
        client.create_pool(
            {"id": "pool", **scaling_fields({"max": 2, "idle": "PT5M", "spot": True}), **NODES}
        )
        client.create_job(job_body())
        run_task(client, commandLine="true")
        samples = served.account.pools["pool"].samples["$PendingTasks"]
        assert client.get_pool("pool").target_low_priority_nodes == 1
        for _ in range(25):
            before = len(samples)
            clock.advance(30.001)
            wait_until(lambda before=before: len(samples) > before)  # type: ignore[misc]
        wait_until(lambda: not list(client.list_nodes("pool")))
        assert client.get_pool("pool").auto_scale_run.error is None


def test_a_sample_every_thirty_seconds(start: Callable[..., Served], clock: ManualClock) -> None:
    """From the moment at which the pool scales by itself; an evaluation takes one more."""
    served = start(clock)
    with served.client() as client:
        client.create_pool({"id": "pool", **scaling()})
        samples = served.account.pools["pool"].samples["$ActiveTasks"]
        for count in range(2, 12):
            clock.advance(30.001)
            wait_until(lambda count=count: len(samples) == count)  # type: ignore[misc]
        assert number(client, "$ActiveTasks.Count()") == 12
        assert number(client, "$ActiveTasks.GetSamplePercent(10 * TimeInterval_Minute)") == 65


def test_what_is_sampled(client: BatchClient) -> None:
    """Tasks by their state, nodes, slots, and how busy the machine is."""
    client.create_pool({"id": "pool", **scaling("$TargetDedicatedNodes = 2;", taskSlotsPerNode=2)})
    idle_nodes(client, 2)
    client.create_job(job_body())
    run_task(client, id="good", commandLine="true")
    run_task(client, id="bad", commandLine="false")
    client.create_task("job", {"id": "waits", "commandLine": "true", "requiredSlots": 3})
    counts = {
        "$ActiveTasks": 1,
        "$RunningTasks": 0,
        "$PendingTasks": 1,
        "$SucceededTasks": 1,
        "$FailedTasks": 1,
        "$CurrentDedicatedNodes": 2,
        "$CurrentLowPriorityNodes": 0,
        "$PreemptedNodeCount": 0,
        "$UsableNodeCount": 2,
        "$SampleNodeCount": 2,
    }
    for name, count in counts.items():
        assert number(client, f"val({name}.GetSample(1), 0)") == count
    assert number(client, "$TaskSlotsPerNode") == 2
    for name in ("$CPUPercent", "$MemoryBytes", "$DiskBytes"):
        assert number(client, f"len({name}.GetSample(1))") == 1
    assert number(client, "val($MemoryBytes.GetSample(1), 0)") > 1


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion", "retaineddata"])
def test_what_becomes_of_tasks_on_nodes_that_go(client: BatchClient, option: str) -> None:
    """The formula's option is the resize's."""
    client.create_pool({"id": "pool", **scaling("$TargetDedicatedNodes = 1;")})
    idle_nodes(client, 1)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 1"})
    wait_until(lambda: client.get_task("job", "task").state == "running")
    client.disable_pool_auto_scale("pool")
    formula = f"$TargetDedicatedNodes = 0; $NodeDeallocationOption = {option};"
    client.enable_pool_auto_scale("pool", {"autoScaleFormula": formula})
    wait_until(lambda: not list(client.list_nodes("pool")))
    ends = {"requeue": "active"}
    assert client.get_task("job", "task").state == ends.get(option, "completed")
