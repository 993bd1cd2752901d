"""The SDKs' exceptions as ours, with the service's own code, sentence and request id.

Batch answers errors in its own shape, Storage in XML that its SDK reads; both end
as `ServiceError`, and both ways of not being let in as `NotSignedInError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from batchspec.errors import BatchspecError, NotSignedInError, ServiceError, StalePlanError
from batchspec.service.http.retry import PASSING

_SIGNED_OUT = {401, 403}
_SIGN_IN = (
    "check the AZURE_BATCH_… and AZURE_STORAGE_… variables, or sign in with `az login` and see that the account "
    "has the role Azure Batch Data Contributor (Storage Blob Data Contributor for the blobs)"
)

_CLOCK_MAY_DIFFER = timedelta(minutes=10)

_AGAIN = "run the same command again"
_JOB_IS_OVER = f"the job ended meanwhile: {_AGAIN}, and what is left goes into its next generation"
_SHARED_ID = "jobs and job schedules share their ids: choose another job.id"
_POOL_IS_GONE = f"the pool is being deleted: {_AGAIN}, which waits until it is gone"
_SOON = f"this is temporary: {_AGAIN} in a moment"
_CHANGED = f"its state changed meanwhile: {_AGAIN} to see the new plan"
_QUOTA = "request a higher quota in the portal, or "

WHAT_NOW = {
    "PoolExists": "a pool with this id exists that this spec did not create: choose another pool.id, use it as "
    "`pool: {existing: ID}`, or adopt it with `batchspec import`",
    "PoolBeingCreated": _SOON,
    "PoolBeingResized": _SOON,
    "PoolBeingDeleted": _POOL_IS_GONE,
    "PoolNotFound": _POOL_IS_GONE,
    "PoolQuotaReached": f"{_QUOTA}delete a pool that nobody needs: `az batch pool list`",
    "OperationNotValidOnPool": _CHANGED,
    "OperationInvalidForCurrentState": _CHANGED,
    "JobExists": "a job with this id exists that this spec did not create: choose another job.id",
    "JobWithSameIdExists": _SHARED_ID,
    "JobScheduleWithSameIdExists": _SHARED_ID,
    "JobBeingDeleted": _JOB_IS_OVER,
    "JobBeingTerminated": _JOB_IS_OVER,
    "JobCompleted": _JOB_IS_OVER,
    "JobNotFound": _JOB_IS_OVER,
    "JobNotActive": _CHANGED,
    "JobNotDisabled": _CHANGED,
    "JobDisabled": "the job was disabled: `az batch job enable` resumes its tasks",
    "ActiveJobAndScheduleQuotaReached": f"{_QUOTA}end a job that is done: `az batch job stop`",
    "NodeBeingCreated": _SOON,
    "NodeBeingStarted": _SOON,
    "NodeBeingReimaged": _SOON,
    "NodeBeingRebooted": _SOON,
    "NodeStateUnusable": "the node is lost: `az batch node delete` removes it",
}
"""What the person does now, by the service's code. Source: Batch status and error codes, FACTS 1.3."""


def _what_now(status: int, code: str) -> str:
    if status in PASSING:
        return WHAT_NOW.get(code, f"the service has a problem; {_AGAIN} later")
    return WHAT_NOW.get(code, "")


def error_of(response: Any, doing: str) -> BatchspecError:
    """The error that Batch's *response* says. *doing* completes "could not …"."""
    code, sentence = _code_and_sentence(response)
    message = f"could not {doing}: {sentence or response.reason} ({code or response.status_code})"
    request_id = response.headers.get("request-id", "")
    if response.status_code in _SIGNED_OUT:
        return NotSignedInError(message, help=_way_in(response))
    help = _what_now(response.status_code, code)
    return ServiceError(message, status=response.status_code, code=code, request_id=request_id, help=help)


def _way_in(response: Any) -> str:
    """What to do when a call is not let in: the clock first, since a signature holds for 15 minutes around its time."""
    date = (getattr(response, "headers", None) or {}).get("date")
    ahead = datetime.now(UTC) - parsedate_to_datetime(date) if date else timedelta()
    if abs(ahead) < _CLOCK_MAY_DIFFER:
        return _SIGN_IN
    which = "ahead of" if ahead > timedelta() else "behind"
    minutes = round(abs(ahead).total_seconds() / 60)
    return f"this machine's clock is {minutes} minutes {which} the service's: set it, then run the same command again"


def _code_and_sentence(response: Any) -> tuple[str, str]:
    try:
        body = json.loads(response.content)
        sentence = body["message"]["value"].split("\n")[0]
        details = "; ".join(f"{entry['key']}: {entry['value']}" for entry in body.get("values") or [])
        return body["code"], f"{sentence} [{details}]" if details else sentence
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Within it, every exception of the SDKs becomes one of ours. *doing* completes "could not …"."""
    try:
        yield
    except ClientAuthenticationError as error:  # before the next, of which it is a kind
        message = f"could not {doing}: {_first_line(error)}"
        raise NotSignedInError(message, help=_way_in(error.response)) from error
    except HttpResponseError as error:
        status = error.status_code or 0
        code = storage_code(error)
        if status in _SIGNED_OUT:
            message = f"could not {doing}: {_first_line(error)} ({code})"
            raise NotSignedInError(message, help=_way_in(error.response)) from error
        headers = getattr(error.response, "headers", None) or {}
        request_id = str(headers.get("x-ms-request-id", ""))
        message = f"could not {doing}: {_first_line(error)} ({code or status})"
        help = _what_now(status, code)
        raise ServiceError(message, status=status, code=code, request_id=request_id, help=help) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        message = f"could not {doing}: no answer from the service: {_first_line(error)}"
        raise ServiceError(
            message, help="check the network and the account's endpoint, then run it again"
        ) from error
    except AzureError as error:
        raise ServiceError(f"could not {doing}: {_first_line(error)}") from error


def storage_code(error: HttpResponseError) -> str:
    """Storage's own code (`BlobNotFound`); its SDK adds it to azure-core's exceptions, by chance as an enum."""
    code = getattr(error, "error_code", "") or ""
    return str(getattr(code, "value", code))


def _first_line(error: AzureError) -> str:
    return str(error.message or error).split("\n")[0]


@contextmanager
def accepting(*fine: int | str) -> Iterator[None]:
    """Within it, it is no error that the service answers with one of these statuses or codes."""
    try:
        yield
    except ServiceError as error:
        if error.status not in fine and error.code not in fine:
            raise


@contextmanager
def as_it_was_read(what: str, is_done: Callable[[], bool]) -> Iterator[None]:
    """Within it, a call with an ETag that no longer holds raises `StalePlanError` about *what*.

    Unless it *is_done*: then the call was repeated after its answer got lost, and the change is our own.
    """
    try:
        yield
    except ServiceError as error:
        if error.status != 412:
            raise
        if not is_done():
            raise StalePlanError(
                f"the {what} was changed by somebody else in the meantime; nothing of that was overwritten",
                help="run the same command again to see the new plan",
            ) from error
