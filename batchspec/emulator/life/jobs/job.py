"""What happens to jobs: disabled, enabled, terminated, completed, deleted."""

import functools

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Job
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.life.pools import preparation
from batchspec.emulator.state import defaults
from batchspec.emulator.state.clock import FOREVER_TEXT, TICKS_PER_S, parse_duration, parse_time, time_text
from batchspec.emulator.state.store import NewTask, fragment

_CHUNK = 5000  # tasks deleted at a time


def set_state(account: Account, job: Job, state: str, *, remember: bool = True) -> None:
    """*remember* puts the present state into previousState; completing does not (recorded 2026)."""
    if remember:
        job.doc["previousState"] = job.doc["state"]
        job.doc["previousStateTransitionTime"] = job.doc["stateTransitionTime"]
    job.doc["state"], job.doc["stateTransitionTime"] = state, time_text(account.clock.now())
    account.save_job(job)
    account.loop.wake()


def watch_limit(account: Account, job: Job) -> None:
    """The job ends when its maxWallClockTime is over, counted from its start."""
    limit = job.doc["constraints"]["maxWallClockTime"]
    if limit == FOREVER_TEXT:
        return
    start = parse_time(job.doc["executionInfo"]["startTime"])
    left = (start + parse_duration(limit) - account.clock.now()) / TICKS_PER_S
    account.loop.later(max(0.0, left), functools.partial(_time_over, account, job, limit))


def _time_over(account: Account, job: Job, limit: str) -> None:
    if job.state == "active" and job.doc["constraints"]["maxWallClockTime"] == limit:
        terminate(account, job, "MaxWallClockTimeExpiry")


# What a job manager task has beside the members of any task.
_MANAGERS_OWN = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")


def add_manager(account: Account, job: Job) -> None:
    """The job manager task is a task of the job, there from the beginning."""
    manager = job.doc.get("jobManagerTask")
    if manager is None:
        return
    body = {key: value for key, value in manager.items() if key not in _MANAGERS_OWN}
    full = defaults.task(body, job.doc["constraints"]["maxTaskRetryCount"])
    account.store.add_task(
        job.number, NewTask(manager["id"], full["requiredSlots"], 0, account.clock.now(), fragment(full))
    )


def manager_ended(account: Account, job: Job, task_id: str) -> None:
    """The end of its manager ends the job, unless that was not wanted."""
    manager = job.doc.get("jobManagerTask")
    if (
        manager
        and manager["id"].lower() == task_id.lower()
        and manager["killJobOnCompletion"]
        and job.state == "active"
    ):
        terminate(account, job, "JMComplete")


# --- disable, enable


def disable(account: Account, job: Job, option: str) -> None:
    """*option* says what becomes of running tasks: requeue, terminate, wait."""
    set_state(account, job, "disabling")
    for running in list(job.running.values()):
        if option != "wait":
            running.run.stop(option)
    account.loop.later(0, functools.partial(task_gone, account, job))


def enable(account: Account, job: Job) -> None:
    job.maybe_ready = True
    set_state(account, job, "active")


# --- terminate, delete


def terminate(account: Account, job: Job, reason: str) -> None:
    job.doc["executionInfo"]["terminateReason"] = reason
    set_state(account, job, "terminating")
    for running in list(job.running.values()):
        running.run.stop("terminate")
    account.loop.later(0, functools.partial(task_gone, account, job))


def delete(account: Account, job: Job) -> None:
    set_state(account, job, "deleting")
    for running in list(job.running.values()):
        running.settled = True
        running.run.stop("delete")
    account.loop.later(0, functools.partial(task_gone, account, job))


def act(account: Account, job: Job, action: str) -> None:
    """The job action of a task's exit condition."""
    if job.state != "active":
        return
    if action == "terminate":
        terminate(account, job, "TaskFailed")
    elif action == "disable":
        disable(account, job, "requeue")


def task_gone(account: Account, job: Job) -> None:
    """A task has left the running ones: the job may be done with what it was doing."""
    if job.running:
        return
    if job.state == "disabling":
        set_state(account, job, "disabled", remember=False)
    elif job.state == "active":
        complete_when_done(account, job)
    elif job.state in ("terminating", "deleting") and preparation.release_all(
        account, job, functools.partial(task_gone, account, job)
    ):
        finish = _completed if job.state == "terminating" else _delete_some
        speed = account.settings.speed
        delay = speed.job_terminate if job.state == "terminating" else speed.job_delete
        if job.finishing != job.state:
            job.finishing = job.state
            account.loop.later(delay, functools.partial(finish, account, job))


def complete_when_done(account: Account, job: Job, *, even_empty: bool = False) -> None:
    """onAllTasksComplete: a job whose tasks are all completed ends."""
    if job.doc["onAllTasksComplete"] != "terminatejob" or job.state != "active":
        return
    if account.store.any_unfinished(job.number):
        return
    if even_empty or account.store.any_task(job.number):
        terminate(account, job, "AllTasksComplete")


def _completed(account: Account, job: Job) -> None:
    if job.state != "terminating":
        return
    job.doc["executionInfo"]["endTime"] = time_text(account.clock.now())
    set_state(account, job, "completed", remember=False)
    _end_auto_pool(account, job)
    account.job_over(job)


def _end_auto_pool(account: Account, job: Job) -> None:
    """An auto pool of the job's own goes with it, unless it is to be kept alive."""
    auto = job.doc["poolInfo"].get("autoPoolSpecification")
    pool = account.pools.get(job.pool_key)
    owned = auto is not None and auto["poolLifetimeOption"] == "job" and not auto["keepAlive"]
    if owned and pool is not None and pool.doc["state"] == "active":
        pool_life.delete(account, pool)


def _delete_some(account: Account, job: Job) -> None:
    """A piece of a large job at a time, so that others are not kept waiting."""
    with account.store.transaction():
        if account.store.delete_tasks(job.number, _CHUNK):
            account.store.remove("job", job.key)
            account.jobs.pop(job.key, None)
            _end_auto_pool(account, job)
            account.job_over(job)
        else:
            account.loop.later(0, functools.partial(_delete_some, account, job))
            return
    for pool in account.pools.values():
        for node in pool.nodes.values():
            nodes.discard(account, nodes.root(account, node) / nodes.job_folder(job))
