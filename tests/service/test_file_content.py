"""The bytes of a file on a node come as they are, whatever the service calls them."""

from __future__ import annotations

from contextlib import closing

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.service.batch.client import Batch
from service.scripted import Answer, answering

_TYPES = [
    "application/octet-stream",
    "application/json",
    "application/xml",
    "text/plain; charset=utf-8",
    None,
]


@pytest.mark.parametrize("type", _TYPES)
def test_a_file_is_not_read_as_what_its_type_says(type: str | None) -> None:
    """A log is whatever a task wrote: no JSON, no UTF-8; the SDK's pipeline would make a value of it, or refuse."""
    log = b"\xff{frame=  12\r\n"
    key = AzureNamedKeyCredential("account", "a2V5")
    with (
        answering(Answer(headers={} if type is None else {"Content-Type": type}, body=log)) as script,
        closing(Batch(script.endpoint, key)) as batch,
    ):
        assert batch.content("/jobs/j/tasks/t/files/stdout.txt", doing="read it") == log
