"""What happens to job schedules: their jobs are made when they are due, one at a time, until the schedule is over."""

import functools

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Job, Schedule
from batchspec.emulator.life.jobs import job as job_life
from batchspec.emulator.life.jobs.creation import make_job
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.state.clock import TICKS_PER_S, parse_duration, parse_time, time_text

_OVER = ("completed", "deleting")


def set_state(account: Account, schedule: Schedule, state: str, *, remember: bool = True) -> None:
    doc = schedule.doc
    if remember:
        doc["previousState"], doc["previousStateTransitionTime"] = doc["state"], doc["stateTransitionTime"]
    doc["state"], doc["stateTransitionTime"] = state, time_text(account.clock.now())
    account.save_schedule(schedule)


def jobs_of(account: Account, schedule: Schedule) -> list[Job]:
    return [job for job in account.jobs.values() if job.schedule.lower() == schedule.key]


def plan_next(account: Account, schedule: Schedule) -> None:
    """Makes the job that is due, and sets the moment of the next one."""
    schedule.epoch += 1
    if schedule.doc["state"] in _OVER:
        return
    now, plan, info = account.clock.now(), schedule.doc["schedule"], schedule.doc["executionInfo"]
    until = parse_time(plan["doNotRunAfter"]) if "doNotRunAfter" in plan else None
    if until is not None and now >= until:
        complete(account, schedule)
        return
    due = parse_time(info["nextRunTime"]) if "nextRunTime" in info else None
    if due is not None and due <= now and schedule.doc["state"] == "active":
        _make_due_job(account, schedule, due, now)
    waits = [moment for moment in (_next(schedule), until) if moment is not None and moment > now]
    if waits:
        again = functools.partial(_again, account, schedule, schedule.epoch)
        account.loop.later((min(waits) - now) / TICKS_PER_S, again)
    account.save_schedule(schedule)


def _again(account: Account, schedule: Schedule, epoch: int) -> None:
    if epoch == schedule.epoch:
        plan_next(account, schedule)


def _next(schedule: Schedule) -> int | None:
    text = schedule.doc["executionInfo"].get("nextRunTime")
    return parse_time(text) if text else None


def first_run(schedule: Schedule, now: int) -> int:
    plan = schedule.doc["schedule"]
    return max(now, parse_time(plan["doNotRunUntil"])) if "doNotRunUntil" in plan else now


def _make_due_job(account: Account, schedule: Schedule, due: int, now: int) -> None:
    """At most one job is active: a run that comes too early waits for it, for as long as its start window."""
    plan, info = schedule.doc["schedule"], schedule.doc["executionInfo"]
    late = "startWindow" in plan and now > due + parse_duration(plan["startWindow"])
    busy = any(job.state not in ("completed", "deleting") for job in jobs_of(account, schedule))
    if busy and not late:
        return  # the end of that job looks here again
    if not late:
        schedule.runs += 1
        job_id = f"{schedule.id}:job-{schedule.runs}"
        job = make_job(account, job_id, dict(schedule.doc["jobSpecification"]), schedule=schedule.id)
        info["recentJob"] = {"url": f"{account.endpoint}/jobs/{job.id}", "id": job.id}
    if "recurrenceInterval" not in plan:
        info.pop("nextRunTime", None)
        return
    step = parse_duration(plan["recurrenceInterval"])
    info["nextRunTime"] = time_text(due + step * max(1, -((due - now) // step)))


def job_over(account: Account, job: Job) -> None:
    """A job has ended or is gone. Where a schedule made it, the next one may be waiting, or it was the last."""
    schedule = account.schedules.get(job.schedule.lower()) if job.schedule else None
    if schedule is None or schedule.doc["state"] in _OVER:
        return
    if (
        "recurrenceInterval" not in schedule.doc["schedule"]
        and "nextRunTime" not in schedule.doc["executionInfo"]
    ):
        complete(account, schedule)
    else:
        plan_next(account, schedule)


def complete(account: Account, schedule: Schedule) -> None:
    schedule.epoch += 1
    info: Body = schedule.doc["executionInfo"]
    info.pop("nextRunTime", None)
    set_state(account, schedule, "completed")
    info["endTime"] = schedule.doc["stateTransitionTime"]
    account.save_schedule(schedule)
    _end_auto_pool(account, schedule)


def terminate(account: Account, schedule: Schedule) -> None:
    """Its active job ends with it; it was seen completed within a tenth of a second."""
    for job in jobs_of(account, schedule):
        if job.state in ("active", "disabled", "disabling", "enabling"):
            job_life.terminate(account, job, "TerminateJobSchedule")
    complete(account, schedule)


def delete(account: Account, schedule: Schedule) -> None:
    schedule.epoch += 1
    schedule.doc["executionInfo"].pop("endTime", None)  # as recorded 2026
    set_state(account, schedule, "deleting")
    for job in jobs_of(account, schedule):
        if job.state != "deleting":
            job_life.delete(account, job)
    account.loop.later(account.settings.speed.schedule_delete, functools.partial(_deleted, account, schedule))


def _deleted(account: Account, schedule: Schedule) -> None:
    if jobs_of(account, schedule):
        account.loop.later(0.02, functools.partial(_deleted, account, schedule))
        return
    _end_auto_pool(account, schedule)
    account.schedules.pop(schedule.key, None)
    account.store.remove("schedule", schedule.key)


def _end_auto_pool(account: Account, schedule: Schedule) -> None:
    auto = schedule.doc["jobSpecification"]["poolInfo"].get("autoPoolSpecification")
    pool = account.pools.get(schedule.pool.lower())
    if auto and not auto["keepAlive"] and pool is not None and pool.doc["state"] == "active":
        pool_life.delete(account, pool)
