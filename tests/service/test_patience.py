"""How long a failing service is asked again: one budget, one deadline, and the last error at its end (R-12)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.errors import ServiceError, UsageError
from batchspec.service.batch.client import Batch
from batchspec.service.http.retry import PATIENCE_S, Patience
from service.scripted import Answer, Script, answering

KEY = AzureNamedKeyCredential("account", "a2V5")
BUSY = Answer(503, json.dumps({"code": "ServerBusy", "message": {"value": "Busy.\nRequestId:1"}}).encode())
SHORT_S = 1.0


@contextmanager
def talking(script: Script, patience: Patience | None = None) -> Iterator[Batch]:
    with closing(Batch(script.endpoint, KEY, patience or Patience(SHORT_S))) as batch:
        yield batch


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_r12_a_service_that_always_fails_ends_with_its_last_error(status: int) -> None:
    """What may pass is asked again and again, a POST too, until the budget is spent; then it is told as it was."""
    with answering(BUSY._replace(status=status)) as script, talking(script) as batch:
        with pytest.raises(ServiceError) as raised:
            batch.post("/pools", {}, doing="create the pool p")
        assert len(script.heard_at) > 3
    assert (raised.value.status, raised.value.code) == (status, "ServerBusy")
    assert str(raised.value) == "could not create the pool p: Busy. (ServerBusy)"


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413, 501])
def test_what_will_not_pass_is_not_asked_again(status: int) -> None:
    """A refusal is told at once."""
    with answering(BUSY._replace(status=status)) as script, talking(script) as batch:
        with pytest.raises(ServiceError):
            batch.post("/pools", {}, doing="create the pool p")
        assert len(script.heard_at) == 1


def test_r12_after_one_call_waited_in_vain_no_other_waits() -> None:
    """The budgets do not add up: the next calls are tried once, until the service has answered again."""
    with answering(BUSY) as script, talking(script) as batch:
        for _ in range(3):
            before = len(script.heard_at)
            with pytest.raises(ServiceError):
                batch.get("/pools", doing="list")
        assert len(script.heard_at) == before + 1
        script.answers[:] = [Answer()]
        batch.get("/pools", doing="list")
        script.answers[:] = [*[Answer()] * len(script.heard_at), BUSY, BUSY, Answer()]
        batch.get("/pools", doing="list")


def test_r12_a_service_that_was_given_up_gets_little_time() -> None:
    """What is tried after the last wait was in vain takes five seconds of the default at most, not a minute."""
    patience = Patience()
    assert patience.begin().timeouts() == {"connection_timeout": 10, "read_timeout": 60}
    patience.is_spent = True
    assert patience.begin().timeouts() == {"connection_timeout": 5, "read_timeout": 5}


def test_r12_a_call_that_is_part_of_a_budget_gets_no_other() -> None:
    """What is tried again within a budget that is spent is tried once."""
    with answering(BUSY) as script, talking(script) as batch:
        budget = batch.patience.begin()
        while budget.wait():
            pass
        with pytest.raises(ServiceError):
            batch.post("/pools", {}, doing="create", budget=budget)
        assert len(script.heard_at) == 1


def test_r12_retry_after_is_waited_for() -> None:
    """The next try comes no sooner than the service asks."""
    busy = BUSY._replace(headers={"Retry-After": "1"})
    with answering(busy, Answer()) as script, talking(script, Patience(60)) as batch:
        batch.post("/pools", {}, doing="create")
        first, second = script.heard_at
    assert second - first >= 1


@pytest.mark.parametrize("asked", ["3600", "Sat, 01 Jan 2050 00:00:00 GMT", "soon"])
def test_r12_retry_after_is_capped(asked: str) -> None:
    """A service that asks for an hour, or for what is no number, is asked again within the budget."""
    busy = BUSY._replace(headers={"Retry-After": asked})
    with answering(busy, Answer()) as script, talking(script) as batch:
        batch.post("/pools", {}, doing="create")
        assert len(script.heard_at) == 2


def test_who_is_told_to_stop_waits_no_more() -> None:
    """`hurry` ends a wait under way: the last error comes at once, not after the five minutes of a default."""
    with answering(BUSY) as script, talking(script, Patience()) as batch:
        threading.Timer(0.3, batch.patience.hurry).start()
        with pytest.raises(ServiceError) as raised:
            batch.get("/pools", doing="list")
    assert (raised.value.code, batch.patience.is_spent) == ("ServerBusy", False)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    """Less than the promised bytes is no answer."""
    with (
        answering(Answer(body=b'{"a"', length=100), Answer(body=b'{"a": 1}')) as script,
        talking(script) as batch,
    ):
        assert batch.get("/pools", doing="list").body == {"a": 1}


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"\xff"])
def test_what_is_no_batch_service_is_told_so(body: bytes) -> None:
    """A page where an object should be: an error with what it begins with, and no traceback."""
    with (
        answering(Answer(body=body)) as script,
        talking(script) as batch,
        pytest.raises(ServiceError) as raised,
    ):
        batch.get("/pools", doing="list the pools")
    assert str(raised.value).startswith("could not list the pools: the answer is not from a Batch service: b")


@pytest.mark.parametrize(
    ("status", "said"), [(200, "the answer is not from a Batch service: b'<html>sign in"), (404, "Not Found")]
)
def test_a_redirect_to_a_page_is_told_so_too(status: int, said: str) -> None:
    """A proxy that wants somebody to sign in sends elsewhere; that page is no answer of Batch either."""
    elsewhere = Answer(302, headers={"Location": "/sign-in"})
    broken, page = Answer(status, body=b"<html>", length=100), Answer(status, body=b"<html>sign in</html>")
    with (
        answering(elsewhere, broken, page) as script,
        talking(script) as batch,
        pytest.raises(ServiceError, match=said) as raised,
    ):
        batch.get("/pools", doing="list the pools")
    assert raised.value.status == status


def test_a_wrong_address_is_told_soon() -> None:
    """Where nothing listens, and never did, a small part of the budget is enough."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    patience = Patience(30)
    with closing(Batch(endpoint, KEY, patience)) as batch, pytest.raises(ServiceError) as raised:
        batch.get("/pools", doing="list")
    assert (raised.value.status, patience.is_spent) == (0, False)


def test_the_environment_says_how_patient_we_are() -> None:
    """Seconds in BATCHSPEC_PATIENCE; five minutes without it; an error for what is no time."""
    assert Patience.of({}).limit_s == PATIENCE_S == 300
    assert Patience.of({"BATCHSPEC_PATIENCE": "7.5"}).limit_s == 7.5
    for text in ("soon", "0", "-1", "inf", "nan"):
        with pytest.raises(UsageError, match="it takes seconds"):
            Patience.of({"BATCHSPEC_PATIENCE": text})


def test_a_wait_that_lasts_is_told_and_not_too_often() -> None:
    """After a hundredth of the budget, then every twentieth of it: what fails, and for how long it is tried."""
    heard: list[str] = []
    patience = Patience(2.0)
    patience.tell = heard.append
    with answering(BUSY) as script, talking(script, patience) as batch:
        with pytest.raises(ServiceError):
            batch.get("/pools", doing="list")
        host = script.endpoint.removeprefix("http://")
    assert heard[0].startswith(f"{host} answers 503; retrying for up to ")
    assert 2 <= len(heard) <= 21
    assert len(heard) < len(script.heard_at)


def test_a_short_wait_is_not_worth_a_word() -> None:
    """What passes within three seconds of the default is nobody's business."""
    heard: list[str] = []
    patience = Patience()
    patience.tell = heard.append
    with answering(BUSY, Answer()) as script, talking(script, patience) as batch:
        batch.get("/pools", doing="list")
    assert heard == []


def test_what_can_be_started_is_started_where_nobody_answers() -> None:
    """Before the next try, and no longer once somebody hurries."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        revived: list[float] = []
        patience = Patience(SHORT_S)
        patience.revive = lambda: revived.append(0)
        with closing(Batch(f"http://127.0.0.1:{taken.getsockname()[1]}", KEY, patience)) as batch:
            with pytest.raises(ServiceError):
                batch.get("/pools", doing="list")
            count = len(revived)
            patience.hurry()
            with pytest.raises(ServiceError):
                batch.get("/pools", doing="list")
    assert len(revived) == count > 0
