"""The job operations."""

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.http.versions import counts_in
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Job
from batchspec.emulator.life.jobs import job as job_life
from batchspec.emulator.life.jobs.creation import make_job
from batchspec.emulator.operations.call import Call, created, done, entity, list_of, require_conditions
from batchspec.emulator.operations.pools import check_pool
from batchspec.emulator.state import defaults
from batchspec.emulator.state.clock import parse_duration
from batchspec.emulator.state.errors import ApiError, invalid_property
from batchspec.emulator.state.store import COMPLETED, RUNNING

_LIVE = ("active", "disabling", "disabled", "enabling", "terminating")


def find(call: Call) -> Job:
    job = call.account.jobs.get(call.ids[0].lower())
    if job is None:
        raise ApiError("JobNotFound")
    return job


def shown(call: Call, job: Job) -> Body:
    return {**job.doc, "url": f"{call.account.endpoint}/jobs/{job.id}"}


def create_job(call: Call) -> Reply:
    account, body = call.account, call.body
    existing = account.jobs.get(body["id"].lower())
    if existing:
        raise ApiError("JobBeingDeleted" if existing.state == "deleting" else "JobExists")
    if body["id"].lower() in account.schedules:
        raise ApiError("JobScheduleWithSameIdExists")
    require_quota(account)
    check_job(account, body)
    job = make_job(account, body["id"], body)
    # The service answers with the URL of a job called job-1, whatever the id (recorded 2023 and 2026).
    service_id = f"{account.endpoint}/jobs/job-1"
    return created(f"{account.endpoint}/jobs/{job.id}", job.doc, service_id=service_id)


def require_quota(account: Account) -> None:
    live = sum(job.state in _LIVE for job in account.jobs.values())
    live += sum(schedule.doc["state"] != "completed" for schedule in account.schedules.values())
    if live >= account.settings.active_jobs:
        raise ApiError("ActiveJobAndScheduleQuotaReached")


def check_job(account: Account, body: Body) -> None:
    """What no schema says of a new job or a job specification."""
    check_pool_info(account, body["poolInfo"])
    if "jobReleaseTask" in body:
        if "jobPreparationTask" not in body:
            raise invalid_property("jobReleaseTask", "", "A job release task needs a job preparation task")
        check_release(body["jobReleaseTask"])


def check_release(task: Body) -> None:
    if parse_duration(task.get("maxWallClockTime", "PT15M")) > parse_duration("PT15M"):
        raise invalid_property("maxWallClockTime", task["maxWallClockTime"], "The maximum is 15 minutes")


def check_pool_info(account: Account, info: Body) -> None:
    if len(info.keys() & {"poolId", "autoPoolSpecification"}) != 1:
        raise invalid_property(
            "poolInfo", info, "Exactly one of poolId and autoPoolSpecification must be specified"
        )
    auto = info.get("autoPoolSpecification")
    if auto:
        if "pool" not in auto:
            raise ApiError("MissingRequiredProperty", ("PropertyName", "pool"))
        check_pool(account, auto["pool"])


def get_job(call: Call) -> Reply:
    job = find(call)
    require_conditions(call, job.doc)
    return entity(call, "jobs/@Element", shown(call, job))


def list_jobs(call: Call) -> Reply:
    return list_of(call, "jobs", ((job.key, shown(call, job)) for job in call.account.jobs.values()))


def changeable(call: Call) -> Job:
    """The job, unless it is deleting, completed or on its way there."""
    job = find(call)
    require_conditions(call, job.doc)
    refuse_over(job)
    return job


def refuse_over(job: Job) -> None:
    over = {"deleting": "JobBeingDeleted", "terminating": "JobBeingTerminated", "completed": "JobCompleted"}
    if job.state in over:
        raise ApiError(over[job.state])


def update_job(call: Call) -> Reply:
    """PATCH: what is given replaces what was there, element by element."""
    job, body = changeable(call), call.body
    changes = dict(body)
    if "constraints" in changes:
        changes["constraints"] = defaults.job_constraints(changes["constraints"])
    _edit(call, job, changes)
    return done(call, 200, job.doc)


def replace_job(call: Call) -> Reply:
    """PUT: what can change and is left out goes back to its default; the rest stays."""
    job, body = changeable(call), call.body
    fresh = defaults.job(body)
    names = ("priority", "maxParallelTasks", "allowTaskPreemption", "constraints", "poolInfo")
    changes = {name: fresh[name] for name in names}
    # terminatejob cannot be taken back, so leaving it out keeps it.
    changes["onAllTasksComplete"] = body.get("onAllTasksComplete", job.doc["onAllTasksComplete"])
    if "metadata" not in body:
        job.doc.pop("metadata", None)
    else:
        changes["metadata"] = body["metadata"]
    _edit(call, job, changes)
    return done(call, 200, job.doc)


def _edit(call: Call, job: Job, changes: Body) -> None:
    account = call.account
    mode = changes.get("onAllTasksComplete")
    if mode == "noaction" and job.doc["onAllTasksComplete"] == "terminatejob":
        raise invalid_property(
            "onAllTasksComplete", mode, "The property cannot be changed from terminatejob to noaction"
        )
    if "poolInfo" in changes:
        check_pool_info(account, changes["poolInfo"])
        changes["poolInfo"] = defaults.pool_info(changes["poolInfo"])
        if changes["poolInfo"] != job.doc["poolInfo"]:
            if job.state != "disabled":
                raise ApiError("JobNotDisabled")
            if "poolId" in changes["poolInfo"]:
                job.doc["executionInfo"]["poolId"] = changes["poolInfo"]["poolId"]
    job.doc.update(changes)
    job.maybe_ready = True
    account.touch(job.doc)
    account.save_job(job)
    job_life.watch_limit(account, job)
    if mode == "terminatejob":
        job_life.complete_when_done(account, job, even_empty=True)
    account.loop.wake()


def disable_job(call: Call) -> Reply:
    job = changeable(call)
    call.account.touch(job.doc)
    if job.state != "disabled":
        job_life.disable(call.account, job, call.body["disableTasks"])
    return done(call, 202, job.doc)


def enable_job(call: Call) -> Reply:
    job = changeable(call)
    call.account.touch(job.doc)
    if job.state in ("disabled", "disabling"):
        job_life.enable(call.account, job)
    return done(call, 202, job.doc)


def terminate_job(call: Call) -> Reply:
    job = changeable(call)
    call.account.touch(job.doc)
    job_life.terminate(call.account, job, call.body.get("terminateReason", "UserTerminate"))
    return done(call, 202, job.doc)


def delete_job(call: Call) -> Reply:
    job = find(call)
    require_conditions(call, job.doc)
    if job.state == "deleting":
        raise ApiError("JobBeingDeleted")
    job_life.delete(call.account, job)
    return Reply(202)


def get_job_task_counts(call: Call) -> Reply:
    job = find(call)
    names = ("active", "running", "completed", "succeeded", "failed")
    tasks, slots = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for state, result, count, wide in call.account.store.counts(job.number):
        kinds = ["completed" if state == COMPLETED else "running" if 0 < state <= RUNNING else "active"]
        if state == COMPLETED:
            kinds.append("succeeded" if result == "success" else "failed")
        for kind in kinds:
            tasks[kind] += count
            slots[kind] += wide
    return entity(call, "taskcountsresult/@Element", counts_in(call.version, tasks, slots))


def list_job_preparation_and_release_task_status(call: Call) -> Reply:
    job = find(call)
    if "jobPreparationTask" not in job.doc:
        raise ApiError("JobPreparationTaskNotSpecified")
    items = (
        (key, {name: info for name, info in infos.items() if not name.startswith("_")})
        for key, infos in job.nodes.items()
    )
    return list_of(call, "jobpreparationandreleasetaskstatuslist", items)
