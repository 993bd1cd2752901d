"""What the service fills in when a body leaves it out (recorded 2022 to 2026; FACTS section 5.1)."""

from typing import Any

from batchspec.emulator.state.clock import FOREVER_TEXT, etag, time_text

Body = dict[str, Any]


def begun(id: str, now: int) -> Body:
    """What every pool, job and schedule begins with."""
    moment = time_text(now)
    return {
        "id": id,
        "eTag": etag(now),
        "lastModified": moment,
        "creationTime": moment,
        "state": "active",
        "stateTransitionTime": moment,
    }


def user_identity(body: Body) -> Body:
    given: Body | None = body.get("userIdentity")
    if given and "username" in given:
        return given
    return {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin", **(given or {}).get("autoUser", {})}}


def task_constraints(given: Body | None, retries: int = 0) -> Body:
    return {
        "maxWallClockTime": FOREVER_TEXT,
        "retentionTime": "P7D",
        "maxTaskRetryCount": retries,
        **(given or {}),
    }


def job_constraints(given: Body | None) -> Body:
    return {"maxWallClockTime": FOREVER_TEXT, "maxTaskRetryCount": 0, **(given or {})}


def start_task(body: Body) -> Body:
    return {**body, "userIdentity": user_identity(body), "maxTaskRetryCount": body.get("maxTaskRetryCount", 0),
            "waitForSuccess": body.get("waitForSuccess", True)}  # fmt: skip


# The id stands elsewhere, the others are filled in; token settings have been retired.
_TASK_PARTS = ("id", "userIdentity", "constraints", "requiredSlots", "authenticationTokenSettings")


def task(body: Body, job_retries: int) -> Body:
    """Ordered as the service orders it; identity of the task itself stands in front of this."""
    identity, constraints = user_identity(body), task_constraints(body.get("constraints"), job_retries)
    rest = {key: value for key, value in body.items() if key not in _TASK_PARTS}
    return {
        **rest,
        "userIdentity": identity,
        "constraints": constraints,
        "requiredSlots": body.get("requiredSlots", 1),
    }


def machine(body: Body) -> Body:
    image = body["imageReference"]
    if "publisher" in image:
        image = {**image, "version": image.get("version", "latest")}
    return {**body, "imageReference": image}


_SAID_ELSEWHERE = ("id", "vmSize", "targetDedicatedNodes", "targetLowPriorityNodes")


def pool(body: Body) -> Body:
    """The settable part of a pool; sizes and states are the account's to say."""
    found = {
        "vmSize": body["vmSize"].lower(),
        "resizeTimeout": "PT15M",
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": 1,
        **{key: value for key, value in body.items() if key not in _SAID_ELSEWHERE},
    }
    found["taskSchedulingPolicy"] = {
        "nodeFillType": "Spread",
        "jobDefaultOrder": "none",
        **body.get("taskSchedulingPolicy", {}),
    }
    if found["enableAutoScale"]:
        found.setdefault("autoScaleEvaluationInterval", "PT15M")
    pool_parts(found)
    return found


def pool_parts(body: Body) -> None:
    """Fills in the parts of a pool that an update replaces whole."""
    if "startTask" in body:
        body["startTask"] = start_task(body["startTask"])
    if "virtualMachineConfiguration" in body:
        body["virtualMachineConfiguration"] = machine(body["virtualMachineConfiguration"])
    if "networkConfiguration" in body:
        network = {"dynamicVNetAssignmentScope": "none", **body["networkConfiguration"]}
        body["networkConfiguration"] = {"enableAcceleratedNetworking": False, **network}
    if "userAccounts" in body:
        body["userAccounts"] = [{"elevationLevel": "nonadmin", **account} for account in body["userAccounts"]]


def pool_info(body: Body) -> Body:
    if "autoPoolSpecification" not in body:
        return body
    auto = {"keepAlive": False, **body["autoPoolSpecification"]}
    if "pool" in auto:
        sizes = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
        given = {key: value for key, value in auto["pool"].items() if key in sizes}
        auto["pool"] = {**pool(auto["pool"]), **sizes, **given}
    return {**body, "autoPoolSpecification": auto}


def job(body: Body) -> Body:
    """A job, or the jobSpecification of a schedule, as it is read back."""
    found = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        **{key: value for key, value in body.items() if key != "id"},
    }
    found["constraints"] = job_constraints(body.get("constraints"))
    found["poolInfo"] = pool_info(body["poolInfo"])
    if "jobPreparationTask" in body:
        found["jobPreparationTask"] = preparation(body["jobPreparationTask"])
    if "jobReleaseTask" in body:
        found["jobReleaseTask"] = release(body["jobReleaseTask"])
    if "jobManagerTask" in body:
        found["jobManagerTask"] = manager(body["jobManagerTask"])
    return found


def preparation(body: Body) -> Body:
    return {
        "id": "jobpreparation",
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
        **body,
        **_identity_and_constraints(body),
    }


def release(body: Body) -> Body:
    identity = user_identity(body)
    return {
        "id": "jobrelease",
        "maxWallClockTime": "PT15M",
        "retentionTime": "P7D",
        **body,
        "userIdentity": identity,
    }


def manager(body: Body) -> Body:
    return {
        "killJobOnCompletion": True,
        "runExclusive": True,
        "requiredSlots": 1,
        "allowLowPriorityNode": True,
        **body,
        **_identity_and_constraints(body),
    }


def _identity_and_constraints(body: Body) -> Body:
    return {"constraints": task_constraints(body.get("constraints")), "userIdentity": user_identity(body)}
