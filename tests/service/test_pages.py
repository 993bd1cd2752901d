"""A list comes whole and in order, however many pages it has, and each only once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.errors import ServiceError
from batchspec.service.batch.client import Batch
from service.scripted import Answer, Script, answering

_ITEMS = [{"id": "a"}, {"id": "b"}, {"id": "ü"}]


def _page(number: int, link: str) -> bytes:
    return json.dumps({"value": [_ITEMS[number]], "odata.nextLink": link}).encode()


@contextmanager
def _listing(*ends: Answer) -> Iterator[tuple[Script, Batch]]:
    """Two pages that name a next one, and what comes then."""
    with answering(Answer()) as script, closing(Batch(script.endpoint, _KEY)) as batch:
        link = f"{script.endpoint}/jobs?$skiptoken=x"
        script.answers[:] = [Answer(body=_page(0, link)), Answer(body=_page(1, link)), *ends]
        yield script, batch


_KEY = AzureNamedKeyCredential("account", "a2V5")
_LAST = Answer(body=json.dumps({"value": [_ITEMS[2]]}, ensure_ascii=False).encode())


def test_pages_come_in_order() -> None:
    """As values and as the JSON they came in."""
    with _listing(_LAST) as (script, batch):
        assert list(batch.items("/jobs", doing="list")) == _ITEMS
        assert len(script.heard_at) == len(_ITEMS)
    with _listing(_LAST) as (_, batch):
        texts = list(batch.texts("/jobs", doing="list"))
    assert [json.loads(text)["value"] for text in texts] == [[item] for item in _ITEMS]


def test_a_page_that_cannot_be_had_is_no_end() -> None:
    """What was fetched ahead and failed is told when its turn comes."""
    refusal = Answer(400, b'{"code": "InvalidQueryParameterValue", "message": {"value": "no"}}')
    with _listing(refusal) as (_, batch), pytest.raises(ServiceError) as raised:
        list(batch.items("/jobs", doing="list"))
    assert raised.value.code == "InvalidQueryParameterValue"


def test_a_link_to_another_host_is_not_followed() -> None:
    """Requests are signed: they go to the account and nowhere else."""
    body = b'{"value": [], "odata.nextLink": "http://127.0.0.1.example/jobs"}'
    with (
        answering(Answer(body=body)) as script,
        closing(Batch(script.endpoint, _KEY)) as batch,
        pytest.raises(ServiceError, match="a link to another host"),
    ):
        list(batch.items("/jobs", doing="list"))
    assert len(script.heard_at) == 1
