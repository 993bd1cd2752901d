"""The job schedule operations."""

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account.model import Body, Schedule
from batchspec.emulator.life.jobs import schedule as schedule_life
from batchspec.emulator.operations import jobs
from batchspec.emulator.operations.call import (
    Call,
    created,
    done,
    entity,
    list_of,
    require_conditions,
    version_headers,
)
from batchspec.emulator.state import defaults
from batchspec.emulator.state.clock import parse_duration, time_text
from batchspec.emulator.state.errors import ApiError, invalid_property


def find(call: Call) -> Schedule:
    schedule = call.account.schedules.get(call.ids[0].lower())
    if schedule is None:
        raise ApiError("JobScheduleNotFound")
    return schedule


def shown(call: Call, schedule: Schedule) -> Body:
    return {**schedule.doc, "url": f"{call.account.endpoint}/jobschedules/{schedule.id}"}


def changeable(call: Call) -> Schedule:
    schedule = find(call)
    require_conditions(call, schedule.doc)
    over = {"completed": "JobScheduleCompleted", "deleting": "JobScheduleBeingDeleted"}
    if schedule.doc["state"] in over:
        raise ApiError(over[schedule.doc["state"]])
    return schedule


def create_job_schedule(call: Call) -> Reply:
    account, body = call.account, call.body
    if body["id"].lower() in account.schedules:
        raise ApiError("JobScheduleExists")
    if body["id"].lower() in account.jobs:
        raise ApiError("JobWithSameIdExists")
    jobs.require_quota(account)
    jobs.check_job(account, body["jobSpecification"])
    _check(body["schedule"])
    now = account.clock.now()
    doc: Body = {
        **defaults.begun(body["id"], now),
        **body,
        "jobSpecification": defaults.job(body["jobSpecification"]),
        "executionInfo": {},
    }
    schedule = Schedule(doc)
    with account.store.transaction():
        account.schedules[schedule.key] = schedule
        doc["executionInfo"]["nextRunTime"] = time_text(schedule_life.first_run(schedule, now))
        schedule_life.plan_next(account, schedule)
    return created(f"{account.endpoint}/jobschedules/{schedule.id}", doc)


def _check(plan: Body) -> None:
    if "startWindow" in plan and "recurrenceInterval" in plan:
        window, step = plan["startWindow"], plan["recurrenceInterval"]
        if parse_duration(window) > parse_duration(step):
            raise invalid_property(
                "startWindow", window, "The start window is longer than the recurrence interval"
            )


def get_job_schedule(call: Call) -> Reply:
    schedule = find(call)
    require_conditions(call, schedule.doc)
    return entity(call, "jobschedules/@Element", shown(call, schedule))


def job_schedule_exists(call: Call) -> Reply:
    schedule = find(call)
    require_conditions(call, schedule.doc)
    return Reply(200, version_headers(schedule.doc))


def list_job_schedules(call: Call) -> Reply:
    schedules = call.account.schedules.values()
    return list_of(call, "jobschedules", ((schedule.key, shown(call, schedule)) for schedule in schedules))


def list_jobs_from_schedule(call: Call) -> Reply:
    found = schedule_life.jobs_of(call.account, find(call))
    return list_of(call, "jobs", ((job.key, jobs.shown(call, job)) for job in found))


def update_job_schedule(call: Call) -> Reply:
    """PATCH: each element given replaces the one there whole."""
    return _edit(call, changeable(call), dict(call.body))


def replace_job_schedule(call: Call) -> Reply:
    """PUT: what is left out goes back to its default (recorded 2025)."""
    schedule = changeable(call)
    schedule.doc.pop("metadata", None)
    return _edit(call, schedule, {"schedule": {}, **call.body})


def _edit(call: Call, schedule: Schedule, changes: Body) -> Reply:
    account = call.account
    if "jobSpecification" in changes:
        jobs.check_job(account, changes["jobSpecification"])
        changes["jobSpecification"] = defaults.job(changes["jobSpecification"])
    rescheduled = "schedule" in changes and changes["schedule"] != schedule.doc["schedule"]
    if rescheduled:
        _check(changes["schedule"])
    schedule.doc.update(changes)
    account.touch(schedule.doc)
    if rescheduled:
        _reschedule(call, schedule)
    account.save_schedule(schedule)
    return done(call, 200, schedule.doc)


def _reschedule(call: Call, schedule: Schedule) -> None:
    """The next run is one interval after the creation, or after now when that has passed."""
    plan, info, now = schedule.doc["schedule"], schedule.doc["executionInfo"], call.account.clock.now()
    if "recurrenceInterval" in plan:
        next_run = schedule_life.first_run(schedule, now + parse_duration(plan["recurrenceInterval"]))
        info["nextRunTime"] = time_text(next_run)
    elif schedule.runs:
        info.pop("nextRunTime", None)
    schedule_life.plan_next(call.account, schedule)


def disable_job_schedule(call: Call) -> Reply:
    schedule = changeable(call)
    call.account.touch(schedule.doc)
    schedule_life.set_state(call.account, schedule, "disabled")
    return done(call, 204, schedule.doc)


def enable_job_schedule(call: Call) -> Reply:
    schedule = changeable(call)
    call.account.touch(schedule.doc)
    schedule_life.set_state(call.account, schedule, "active")
    schedule_life.plan_next(call.account, schedule)
    return done(call, 204, schedule.doc)


def terminate_job_schedule(call: Call) -> Reply:
    schedule = changeable(call)
    call.account.touch(schedule.doc)
    schedule_life.terminate(call.account, schedule)
    return done(call, 202, schedule.doc)


def delete_job_schedule(call: Call) -> Reply:
    schedule = find(call)
    require_conditions(call, schedule.doc)
    if schedule.doc["state"] == "deleting":
        raise ApiError("JobScheduleBeingDeleted")
    schedule_life.delete(call.account, schedule)
    return Reply(202)
