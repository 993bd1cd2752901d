"""The service's errors: status, code, sentence and the body they travel in.

Sentences observed on the service are as observed; the others are those of "Batch Status and Error Codes" in the Batch
REST reference, and where that has none (JobNotDisabled, NotImplemented), ours.
"""

import json
from collections.abc import Iterable
from typing import Any

from batchspec.emulator.state.clock import time_text

# code: (status, sentence)
_KNOWN: dict[str, tuple[int, str]] = {
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "MissingRequiredHeader": (400, "A required HTTP header was not specified."),
    "MissingRequiredProperty": (400, "A required property was not specified in the request body."),
    "MissingRequiredQueryParameter": (400, "A required query parameter was not specified for this request."),
    "InvalidHeaderValue": (
        400,
        "The value provided for one of the HTTP headers was not in the correct format.",
    ),
    "InvalidPropertyValue": (
        400,
        "The value provided for one of the properties in the request body is invalid.",
    ),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "OutOfRangeQueryParameterValue": (
        400,
        "A query parameter specified in the request URI is outside the permissible range.",
    ),
    "OutOfRangeInput": (400, "One of the request inputs is out of range."),
    "InvalidRequestBody": (400, "The specified Request Body is not syntactically valid."),
    "InvalidInput": (400, "One of the request inputs is not valid."),
    "EmptyMetadataKey": (400, "The key for one of the metadata key-value pairs is empty."),
    "RequestUrlFailedToParse": (400, "The url in the request could not be parsed."),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "InvalidAuthenticationInfo": (
        400,
        "The authentication information was not provided in the correct format. Verify the "
        "value of Authorization header.",
    ),
    "MultipleConditionHeadersNotSupported": (400, "Multiple condition headers are not supported."),
    "UnsupportedRequestVersion": (400, "The specified request version is not supported."),
    "CertificateRetired": (400, "The 'Azure Batch Certificates' feature was retired on 02/29/2024."),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. Make sure the value of Authorization "
        "header is formed correctly including the signature.",
    ),
    "InsufficientAccountPermissions": (
        403,
        "The account being accessed does not have sufficient permissions to execute this operation.",
    ),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "RequestBodyTooLarge": (413, "The size of the request body exceeds the maximum size permitted."),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "TooManyRequests": (429, "Request failed as server encountered too many requests. Please try again."),
    "InternalError": (500, "The server encountered an internal error. Please retry the request."),
    "ServerBusy": (503, "The server is currently unable to receive requests. Please retry your request."),
    "InvalidAutoScalingSettings": (400, "The specified auto-scaling settings are not valid."),
    "AutoScalingFormulaSyntaxError": (400, "The specified auto-scaling formula has a syntax error."),
    "AutoScalingFormulaTooLong": (400, "The specified auto-scaling formula exceeds lengths limit."),
    "TaskDependenciesNotSpecifiedOnJob": (
        400,
        "A task was specified as depending on other tasks, but the job did not specify that "
        "it would use task dependencies.",
    ),
    "TaskDependencyListTooLong": (400, "The list of task dependencies is too long."),
    "TaskDependencyRangesTooLong": (400, "The list of task dependency ranges is too long."),
    "PoolNotFound": (404, "The specified pool does not exist."),
    "NodeNotFound": (404, "The specified node does not exist."),
    "JobNotFound": (404, "The specified job does not exist."),
    "JobScheduleNotFound": (404, "The specified job schedule does not exist."),
    "TaskNotFound": (404, "The specified task does not exist."),
    "FileNotFound": (404, "The specified file does not exist."),
    "NodeUserNotFound": (404, "The specified node user does not exist."),
    "ApplicationNotFound": (404, "The specified application does not exist."),
    "NodeAgentSKUNotFound": (404, "The specified Node Agent SKU does not exist."),
    "OperationInvalidForCurrentState": (
        409,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "OperationNotValidOnPool": (409, "The specified operation is not valid on the pool."),
    "OperationNotValidOnNode": (409, "The specified operation is not valid on the node."),
    "PoolExists": (409, "The specified pool already exists."),
    "PoolBeingDeleted": (409, "The specified pool has been marked for deletion and is being reclaimed."),
    "PoolBeingResized": (409, "The specified pool is being resized"),
    "PoolQuotaReached": (409, "Pool quota for the account has been reached."),
    "NodeBeingCreated": (409, "The specified node is being created"),
    "NodeBeingStarted": (409, "The specified node is being started"),
    "NodeBeingReimaged": (409, "The specified node is being reimaged"),
    "NodeBeingRebooted": (409, "The specified node is being rebooted"),
    "NodeStateUnusable": (409, "The state of the specified node is unusable"),
    "NodeUserExists": (409, "The specified node user already exists."),
    "InvalidApplicationPackageReferences": (
        409,
        "The specified application package references are invalid.",
    ),
    "NodeAlreadyInTargetSchedulingState": (
        409,
        "The specified node is already in the target scheduling state.",
    ),
    "JobExists": (409, "The specified job already exists."),
    "JobBeingTerminated": (409, "The specified job is being terminated."),
    "JobBeingDeleted": (
        409,
        "The specified job has been marked for deletion and is being garbage collected.",
    ),
    "JobCompleted": (409, "The specified job is already in a completed state."),
    "JobDisabled": (409, "The specified job is disabled."),
    "JobNotActive": (409, "The specified job is not in active state."),
    "JobNotDisabled": (409, "The specified job is not disabled."),
    "JobPreparationTaskNotSpecified": (409, "The specified job does not have job preparation task."),
    "JobScheduleExists": (409, "The specified job schedule already exists."),
    "JobScheduleBeingTerminated": (409, "The specified job schedule is being terminated."),
    "JobScheduleBeingDeleted": (
        409,
        "The specified job schedule has been marked for deletion and is being reclaimed.",
    ),
    "JobScheduleCompleted": (409, "The specified job schedule is already in completed state."),
    "JobScheduleDisabled": (409, "The specified job schedule is disabled."),
    "JobWithSameIdExists": (
        409,
        "A job with the specified job schedule id exists. Job and job schedule cannot have the same id.",
    ),
    "JobScheduleWithSameIdExists": (
        409,
        "A job schedule with the specified job id exists. Job and job schedule cannot have the same id.",
    ),
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "Active job and schedule quota for the account has been reached.",
    ),
    "TaskExists": (409, "The specified task already exists."),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskNotCompleted": (
        409,
        "The specified task is not in a completed state, and the requested operation can be "
        "performed only on completed tasks.",
    ),
    "TaskSucceeded": (
        409,
        "The specified task has already completed successfully, and the requested operation "
        "cannot be performed on successful tasks.",
    ),
    "TaskFilesUnavailable": (409, "The files of the specified task are unavailable."),
    "TaskFilesCleanedup": (409, "The files of the specified task are cleanedup."),
    "TaskIdSameAsJobPreparationTask": (409, "The specified task id is same as the job preparation task."),
    "TaskIdSameAsJobReleaseTask": (409, "The specified task id is same as the job release task."),
    "TooManyEnableAutoScaleRequests": (
        503,
        "Too many Enable Pool AutoScale requests are issued on the pool.",
    ),
    "NotImplemented": (501, "The local Batch endpoint does not do this."),
}

ERROR_TYPE = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"


class ApiError(Exception):
    """An answer that is an error. *values* are the key and value pairs that say what exactly is wrong."""

    def __init__(self, code: str, *values: tuple[str, str], status: int = 0, message: str = "") -> None:
        known_status, known_message = _KNOWN.get(code, (400, code))
        self.status = status or known_status
        self.code = code
        self.message = message or known_message
        self.values = values
        super().__init__(f"{self.status} {code}")

    def body(self, host: str, request_id: str, now: int) -> bytes:
        return json.dumps(
            {"odata.metadata": f"{host}/$metadata#{ERROR_TYPE}", **self.as_json(request_id, now)}
        ).encode()

    def as_json(self, request_id: str, now: int) -> dict[str, Any]:
        """The error as it also stands inside the result of a task collection."""
        text = f"{self.message}\nRequestId:{request_id}\nTime:{time_text(now)}"
        found: dict[str, Any] = {"code": self.code, "message": {"lang": "en-US", "value": text}}
        if self.values:
            found["values"] = pairs(self.values)
        return found


def pairs(values: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values]


def invalid_property(name: str, value: object, reason: str) -> ApiError:
    text = value if isinstance(value, str) else json.dumps(value)
    return ApiError(
        "InvalidPropertyValue", ("PropertyName", name), ("PropertyValue", text[:512]), ("Reason", reason)
    )
