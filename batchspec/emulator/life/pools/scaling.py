"""Automatic scaling: samples of what happens in a pool, and the size that its formula makes of them."""

import functools
from collections import deque

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Pool
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.state.clock import EPOCH, TICKS_PER_S, parse_duration, time_text
from batchspec.emulator.state.errors import ApiError
from batchspec.emulator.state.store import ACTIVE, PREPARING, RUNNING
from batchspec.formula.evaluate import Result, Situation, evaluate
from batchspec.formula.functions import PERIOD_S
from batchspec.formula.syntax import FormulaSyntaxError, FormulaTooLongError, parse
from batchspec.formula.values import Sample

_KEPT = 2 * 60 * 24  # samples of each metric: a day
_SAMPLED = ("active", "disabling", "enabling", "terminating")  # jobs, by their state


def require_formula(text: str) -> None:
    """`ApiError` for a text that is no formula. What it names is looked up when it is evaluated, not before."""
    try:
        parse(text)
    except FormulaTooLongError as error:
        raise ApiError("AutoScalingFormulaTooLong", ("Reason", error.message)) from None
    except FormulaSyntaxError as error:
        raise ApiError("AutoScalingFormulaSyntaxError", ("Reason", str(error))) from None


def start(account: Account, pool: Pool) -> None:
    """The pool is sampled, its formula is evaluated now, and both again and again while it scales by itself."""
    if not pool.doc["enableAutoScale"] or pool.doc["state"] == "deleting":
        return
    pool.scale_epoch += 1
    _scale(account, pool, pool.scale_epoch)
    account.loop.later(PERIOD_S, functools.partial(_sample, account, pool, pool.scale_epoch))


def _is_over(pool: Pool, epoch: int) -> bool:
    return epoch != pool.scale_epoch or not pool.doc["enableAutoScale"] or pool.doc["state"] == "deleting"


def _sample(account: Account, pool: Pool, epoch: int) -> None:
    if not _is_over(pool, epoch):
        take_sample(account, pool)
        account.loop.later(PERIOD_S, functools.partial(_sample, account, pool, epoch))


def _scale(account: Account, pool: Pool, epoch: int) -> None:
    """What the formula asks for becomes the pool's size."""
    if _is_over(pool, epoch):
        return
    interval = parse_duration(pool.doc["autoScaleEvaluationInterval"]) / TICKS_PER_S
    account.loop.later(interval, functools.partial(_scale, account, pool, epoch))
    result = evaluated(account, pool, pool.doc["autoScaleFormula"])
    pool.doc["autoScaleRun"] = as_run(account, result)
    sizes = pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"]
    if not result.error and (result.dedicated, result.low_priority) != sizes:
        pool_life.resize(account, pool, result.dedicated, result.low_priority, result.option)
    account.save_pool(pool)


def evaluated(account: Account, pool: Pool, formula: str) -> Result:
    """What *formula* asks for at this moment, of which a sample is taken, too. `ApiError` for what is no formula."""
    require_formula(formula)
    take_sample(account, pool)
    targets = pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"]
    slots = pool.doc["taskSlotsPerNode"]
    samples = {name: list(history) for name, history in pool.samples.items()}
    return evaluate(formula, Situation(_now(account), *targets, slots, samples))


def as_run(account: Account, result: Result) -> Body:
    """An autoScaleRun: with an error it shows the targets as they are (the tests of the SDK for JavaScript)."""
    run: Body = {"timestamp": time_text(account.clock.now()), "results": result.text}
    if result.error:
        run["error"] = {"code": "AutoScalingFormulaEvaluationError", "message": result.error}
    return run


def _now(account: Account) -> float:
    return (account.clock.now() - EPOCH) / TICKS_PER_S


def take_sample(account: Account, pool: Pool) -> None:
    now = _now(account)
    for name, value in {**_tasks(account, pool), **_nodes(pool), **account.machine.read()}.items():
        pool.samples.setdefault(name, deque(maxlen=_KEPT)).append(Sample(now, float(value)))


def _tasks(account: Account, pool: Pool) -> dict[str, int]:
    """Tasks that wait for others are active in a job's counts, but not here (the documentation of $ActiveTasks)."""
    active = running = succeeded = failed = 0
    for job in account.jobs.values():
        if job.pool_key != pool.key or job.state not in _SAMPLED:
            continue
        for state, result, count, _ in account.store.counts(job.number):
            active += count if state == ACTIVE else 0
            running += count if state in (PREPARING, RUNNING) else 0
            succeeded += count if result == "success" else 0
            failed += count if result == "failure" else 0
        active -= account.store.waiting(job.number)
    return {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": succeeded,
        "$FailedTasks": failed,
    }


def _nodes(pool: Pool) -> dict[str, int]:
    states = [node.state for node in pool.nodes.values()]
    return {
        "$CurrentDedicatedNodes": pool.count(dedicated=True),
        "$CurrentLowPriorityNodes": pool.count(dedicated=False),
        "$PreemptedNodeCount": states.count("preempted"),
        "$UsableNodeCount": states.count("idle") + states.count("running"),
        "$SampleNodeCount": len(states),
    }
