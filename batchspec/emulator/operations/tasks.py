"""The task operations. A list is joined from the bytes in the store, without building what it does not show."""

import json
import uuid
from typing import Any

from batchspec.emulator.http.odata import as_sql
from batchspec.emulator.http.reply import Reply
from batchspec.emulator.http.validate import check_body
from batchspec.emulator.life.account.model import Body, Job
from batchspec.emulator.life.jobs import task as task_life
from batchspec.emulator.operations import jobs
from batchspec.emulator.operations.call import (
    Call,
    created,
    done,
    entity,
    filtered,
    page_size,
    raw_page,
    require_conditions,
    selected,
)
from batchspec.emulator.operations.task_bodies import as_bytes, selected_bytes
from batchspec.emulator.state import defaults
from batchspec.emulator.state.clock import etag, time_text
from batchspec.emulator.state.errors import ApiError, invalid_property
from batchspec.emulator.state.store import ACTIVE, COMPLETED, STATES, NewTask, TaskRow, fragment

COLLECTION_BYTES = 1 << 20
_COLUMNS = {
    "id": "id",
    "state": "state",
    "stateTransitionTime": "state_time",
    "creationTime": "created",
    "lastModified": "modified",
    "executionInfo/startTime": "start_time",
    "executionInfo/endTime": "end_time",
    "executionInfo/exitCode": "exit_code",
    "executionInfo/result": "result",
}
_CODES = {"state": {name: code for code, name in enumerate(STATES)}}
_SEPARATORS = (",", ":")


def find(call: Call) -> tuple[Job, TaskRow]:
    job = jobs.find(call)
    row = call.account.store.task(job.number, call.ids[1])
    if row is None:
        raise ApiError("TaskNotFound")
    return job, row


def _prefix(call: Call, job: Job) -> str:
    """The URL of a task, up to its id."""
    return f"{call.account.endpoint}/jobs/{job.id}/tasks/"


# --- adding


def create_task(call: Call) -> Reply:
    job = jobs.find(call)
    jobs.refuse_over(job)
    now = _add(call, job, call.body)
    _added(call, job)
    return created(_prefix(call, job) + call.body["id"], {"eTag": etag(now), "lastModified": time_text(now)})


def create_task_collection(call: Call) -> Reply:
    """Each task for itself: one that is refused does not keep the others out."""
    job = jobs.find(call)
    jobs.refuse_over(job)
    results = []
    with call.account.store.transaction():
        for task in call.body["value"]:
            results.append(_add_one_of_many(call, job, task))
    _added(call, job)
    return raw_page(call, "taskaddresult", results, None)


def check_collection(raw: Any, *, retired: bool) -> Body:
    """The frame of a collection; its tasks are checked one by one, since each has its own result."""
    if not isinstance(raw, dict) or not isinstance(raw.get("value"), list):
        check_body("BatchTaskGroup", raw, retired=retired)
    if len(raw["value"]) > 100:
        raise invalid_property("value", "", "The maximum number of tasks in a collection is 100")
    for name in raw:
        if name != "value":
            check_body("BatchTaskGroup", {name: raw[name], "value": []}, retired=retired)
    checked = []
    for task in raw["value"]:
        try:
            checked.append(check_body("BatchTaskCreateOptions", task, retired=retired))
        except ApiError as error:
            # A body that is not one refuses the whole collection; a value that is not allowed, only its task.
            if error.code in ("InvalidRequestBody", "MissingRequiredProperty") or "id" not in task:
                raise
            checked.append({"id": task["id"], "_error": error})
    return {"value": checked}


def _added(call: Call, job: Job) -> None:
    job.maybe_ready = True
    call.account.loop.wake()


def _add(call: Call, job: Job, body: Body) -> int:
    """The moment of the addition, which makes the task's ETag."""
    account = call.account
    check_task(job, body)
    full = defaults.task(body, job.doc["constraints"]["maxTaskRetryCount"])
    now = account.clock.now()
    depends = body.get("dependsOn") or {}
    ids = depends.get("taskIds", [])
    ranges = [(item["start"], item["end"]) for item in depends.get("taskIdRanges", [])]
    waits = bool(ids or ranges)
    with account.store.transaction():
        task = NewTask(body["id"], full["requiredSlots"], int(waits), now, fragment(full))
        seq = account.store.add_task(job.number, task)
        if seq is None:
            raise ApiError("TaskExists")
        if waits:
            account.store.add_waits(job.number, seq, ids, ranges)
            if account.store.is_satisfied(job.number, seq):
                account.store.change_task(seq, waits=0)
    return now


def _add_one_of_many(call: Call, job: Job, body: Body) -> bytes:
    location = _prefix(call, job) + body["id"]
    try:
        if "_error" in body:
            raise body["_error"]
        now = _add(call, job, body)
    except ApiError as error:
        found = error.as_json(str(uuid.uuid4()), call.account.clock.now())
        result = {"status": "ClientError", "taskId": body["id"], "error": found, "location": location}
    else:
        result = {
            "status": "Success",
            "taskId": body["id"],
            "eTag": etag(now),
            "lastModified": time_text(now),
            "location": location,
        }
    return json.dumps(result, separators=_SEPARATORS).encode()


def check_task(job: Job, body: Body) -> None:
    """What no schema says of a new task."""
    task_id = body["id"].lower()
    for name, code in (("jobPreparationTask", "Preparation"), ("jobReleaseTask", "Release")):
        if name in job.doc and job.doc[name]["id"].lower() == task_id:
            raise ApiError(f"TaskIdSameAsJob{code}Task")
    if "dependsOn" in body:
        if not job.doc["usesTaskDependencies"]:
            raise ApiError("TaskDependenciesNotSpecifiedOnJob")
        if sum(map(len, body["dependsOn"].get("taskIds", []))) > 64_000:
            raise ApiError("TaskDependencyListTooLong")
    if "exitConditions" in body and job.doc["onTaskFailure"] == "noaction":
        _refuse_job_actions(body["exitConditions"])


def _refuse_job_actions(conditions: Body) -> None:
    options = [
        item["exitOptions"] for name in ("exitCodes", "exitCodeRanges") for item in conditions.get(name, [])
    ]
    options += [
        conditions[name]
        for name in ("preProcessingError", "fileUploadError", "default")
        if name in conditions
    ]
    for option in options:
        if "jobAction" in option:
            reason = "jobAction cannot be specified when the job's onTaskFailure is noaction"
            raise invalid_property("jobAction", option["jobAction"], reason)


# --- reading


def get_task(call: Call) -> Reply:
    job, row = find(call)
    body = shown(call, job, row)
    require_conditions(call, body)
    return entity(call, "tasks/@Element", body)


def shown(call: Call, job: Job, row: TaskRow) -> Body:
    found: Body = json.loads(as_bytes(_prefix(call, job), row))
    return found


def list_tasks(call: Call) -> Reply:
    job, most, names = jobs.find(call), page_size(call), selected(call)
    where: str = "job = ?"
    values: list[Any] = [job.number]
    tree = filtered(call)
    if tree is not None:
        condition, parameters = as_sql(tree, _COLUMNS, _CODES)
        where, values = f"{where} AND {condition}", [*values, *parameters]
    if "$skiptoken" in call.query:
        where, values = f"{where} AND id > ?", [*values, call.query["$skiptoken"]]
    rows = list(call.account.store.tasks(where, values, limit=most + 1))
    shown_rows, prefix = rows[:most], _prefix(call, job)
    bodies = (
        [selected_bytes(prefix, row, names) for row in shown_rows]
        if names
        else [as_bytes(prefix, row) for row in shown_rows]
    )
    return raw_page(call, "tasks", bodies, shown_rows[-1].id if len(rows) > most else None)


# --- changing


def replace_task(call: Call) -> Reply:
    """PUT: only the constraints can change; what they leave out is the default again."""
    job, row = find(call)
    require_conditions(call, shown(call, job, row))
    if row.state == COMPLETED:
        raise ApiError("TaskCompleted")
    body = row.members()
    body["constraints"] = defaults.task_constraints(
        call.body.get("constraints"), job.doc["constraints"]["maxTaskRetryCount"]
    )
    now = call.account.clock.now()
    call.account.store.change_task(row.seq, body=fragment(body), modified=now)
    running = job.running.get(row.seq)
    if running:
        running.body = body
    return done(call, 200, {"eTag": etag(now), "lastModified": time_text(now)})


def terminate_task(call: Call) -> Reply:
    job, row = find(call)
    require_conditions(call, shown(call, job, row))
    if row.state == COMPLETED:
        raise ApiError("TaskCompleted")
    with call.account.store.transaction():
        task_life.terminate(call.account, job, row)
    return done(call, 204)


def reactivate_task(call: Call) -> Reply:
    job, row = find(call)
    require_conditions(call, shown(call, job, row))
    jobs.refuse_over(job)
    if row.state != COMPLETED:
        raise ApiError("TaskNotCompleted")
    if row.exit_code == 0 and row.result == "success":
        raise ApiError("TaskSucceeded")
    account, now = call.account, call.account.clock.now()
    account.store.remember_satisfied(row.seq)
    account.store.change_task(
        row.seq,
        state=ACTIVE,
        state_time=now,
        previous=COMPLETED,
        previous_time=row.state_time,
        modified=now,
        **dict.fromkeys(
            ("start_time", "end_time", "exit_code", "result", "extra", "node", "files_until", "satisfies")
        ),
        retries=0,
    )
    _added(call, job)
    return done(call, 204, {"eTag": etag(now), "lastModified": time_text(now)})


def delete_task(call: Call) -> Reply:
    job, row = find(call)
    require_conditions(call, shown(call, job, row))
    with call.account.store.transaction():
        task_life.delete(call.account, job, row)
    return Reply(200)


def list_subtasks(call: Call) -> Reply:
    find(call)
    return raw_page(call, "subtasks", [], None)
