"""A task as it is read: joined from its row, without parsing what is not looked at."""

import json

from batchspec.emulator.http.odata import select
from batchspec.emulator.life.account.model import Body
from batchspec.emulator.state.clock import etag, time_text
from batchspec.emulator.state.store import STATES, TaskRow

_SEPARATORS = (",", ":")
_IN_COLUMNS = frozenset(("id", "state", "stateTransitionTime", "creationTime", "executionInfo", "nodeInfo"))


def as_bytes(prefix: str, row: TaskRow) -> bytes:
    return _joined(prefix, row, row.body)


def _joined(prefix: str, row: TaskRow, added: bytes) -> bytes:
    """The members that lie in columns, around those that the task was *added* with."""
    head = f'{{"id":"{row.id}","url":"{prefix}{row.id}","eTag":"{etag(row.modified)}",{_times(row)}'
    tail = f'"executionInfo":{json.dumps(_execution_info(row), separators=_SEPARATORS)}'
    if row.node:
        tail += f',"nodeInfo":{row.node}'
    return b",".join(filter(None, (head.encode(), added, tail.encode()))) + b"}"


def _times(row: TaskRow) -> str:
    text = (
        f'"creationTime":"{time_text(row.created)}","lastModified":"{time_text(row.modified)}",'
        f'"state":"{STATES[row.state]}","stateTransitionTime":"{time_text(row.state_time)}"'
    )
    if row.previous is not None and row.previous_time is not None:
        moment = time_text(row.previous_time)
        text += f',"previousState":"{STATES[row.previous]}","previousStateTransitionTime":"{moment}"'
    return text


def _execution_info(row: TaskRow) -> Body:
    found: Body = {}
    if row.start_time is not None:
        found["startTime"] = time_text(row.start_time)
    if row.end_time is not None:
        found["endTime"] = time_text(row.end_time)
    if row.exit_code is not None:
        found["exitCode"] = row.exit_code
    if row.result is not None:
        found["result"] = row.result
    if row.extra:
        found.update(json.loads(row.extra))
    found["retryCount"], found["requeueCount"] = row.retries, row.requeues
    return found


def selected_bytes(prefix: str, row: TaskRow, names: frozenset[str]) -> bytes:
    """The members that lie in columns are written without parsing the task."""
    if names <= {"id", "state"}:
        parts = ([f'"id":"{row.id}"'] if "id" in names else []) + (
            [f'"state":"{STATES[row.state]}"'] if "state" in names else []
        )
        return f"{{{','.join(parts)}}}".encode()
    added = b"" if all(name.partition("/")[0] in _IN_COLUMNS for name in names) else row.body
    body = json.loads(_joined(prefix, row, added))
    return json.dumps(select(body, names), separators=_SEPARATORS).encode()
