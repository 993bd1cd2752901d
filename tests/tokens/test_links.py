"""Links that end before their task may (R-30): said by `status` and `plan`, mended by `apply`.

The endpoint's clock is set back, so that it added its tasks a week ago as far as anyone is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batchspec.desired.places import Places
from batchspec.emulator.state.clock import parse_time
from batchspec.engine.health.status import read_status
from batchspec.engine.look.links import LinksEnd
from batchspec.engine.look.observe import plan_now
from batchspec.engine.run.apply import Apply
from batchspec.engine.run.progress.lock import locked
from batchspec.engine.run.sending import submit
from batchspec.events import Step, StepEvent, TaskEvent
from batchspec.language.model import Spec
from batchspec.plan.model import Plan, Reason
from batchspec.render.plans.as_json import status_json
from batchspec.render.plans.as_text import plan_text
from batchspec.render.runs.status import status_text
from batchspec.resources.base import Json
from batchspec.resources.links import LINK_LIFE, LINK_MARGIN, LINKS_LAST, end_of, life_wanted
from batchspec.resources.task_fields import NO_LIMIT
from batchspec.service.connect import Account
from batchspec.service.embedded import LocalAccount
from tests.emulator.clock import ManualClock
from tests.plan.endpoint import applied, planned, served, spec_of

OLD = LINKS_LAST - LINK_MARGIN + timedelta(minutes=1)
"""The age at which a task's links are renewed."""

YOUNG = OLD - timedelta(minutes=10)


@contextmanager
def aged(home: Path, blobs: str, age: timedelta) -> Iterator[tuple[Account, ManualClock]]:
    """An account whose clock is *age* behind."""
    then = datetime.now(UTC) - age
    clock = ManualClock(parse_time(then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")))
    with served(home, blobs, clock) as account:
        yield account, clock


def spec(name: str, nodes: int, command: str = "sleep 600") -> Spec:
    """Two tasks, on as many nodes as there are to be."""
    return spec_of(
        {
            "version": 1,
            "name": name,
            "pool": {
                "id": "nodes",
                "vmSize": "Standard_D2ds_v5",
                "image": "canonical:ubuntu-24_04-lts:server",
                "targetDedicatedNodes": nodes,
            },
            "job": {"id": "one"},
            "tasks": {"a": {"command": f"{command} # a"}, "b": {"command": f"{command} # b"}},
        }
    )


@pytest.fixture
def name() -> str:
    return f"l{token_hex(5)}"


def tasks(account: Account) -> dict[str, dict[str, Any]]:
    """The live tasks by id."""
    return {task["id"]: task for task in account.batch.items("/jobs/one/tasks", doing="list")}


def text(plan: Plan) -> str:
    return plan_text(plan)


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_r30_tasks_that_wait_too_long_get_new_links(
    name: str, tmp_path: Path, local_account: LocalAccount
) -> None:
    """Status says so; apply adds them again under their next id with links of now; after it there is nothing to do."""
    work = spec(name, 0)
    with aged(tmp_path, local_account.connection_string, OLD) as (account, clock):
        applied(account, work)
        before = tasks(account)
        status = read_status(account, work)
        first = f"{datetime.now(UTC) + LINK_MARGIN - timedelta(minutes=1):%Y-%m-%dT%H}"
        assert status.links_end == LinksEnd(2, 0, status.links_end.first if status.links_end else "")
        assert status_json(status)["linksEnd"]["first"].startswith(first)
        assert json.dumps(status_json(status))
        assert (
            f"LINKS  of 2 queued tasks expire within a day or have expired (the first {first}"
            in status_text(status)
        )
        plan = planned(account, work)
        assert [(run.reason, run.id) for run in plan.work.runs] == [
            (Reason.LINKS_END, f"{id}-2") for id in before
        ]
        assert plan.consents == ()
        assert "its links end soon" in text(plan)
        clock.advance(OLD.total_seconds())
        applied(account, work)
        assert sorted(tasks(account)) == sorted(f"{id}-2" for id in before)
        assert not planned(account, work).work.runs
        assert read_status(account, work).links_end is None


def test_r30_a_task_whose_turn_comes_before_its_new_links_is_left_alone(
    name: str, tmp_path: Path, local_account: LocalAccount
) -> None:
    """What began between the plan and its run goes on, and is waited for: nobody was asked whether it may be ended."""
    work = spec(name, 0, command=f"until test -e {tmp_path}/go; do sleep 0.1; done")
    with aged(tmp_path, local_account.connection_string, OLD) as (account, _):
        applied(account, work)
        before = set(tasks(account))
        desired, plan = plan_now(account, work)
        assert len(plan.work.runs) == 2
        account.batch.post("/pools/nodes/resize", {"targetDedicatedNodes": 1}, doing="resize")
        until(lambda: "running" in {task["state"] for task in tasks(account).values()})
        (running,) = (id for id, task in tasks(account).items() if task["state"] == "running")
        with locked(account, Places.of(work)) as held:
            ended = []
            for event in Apply(account, desired, plan, held).events():
                if isinstance(event, StepEvent) and event.step is Step.RUN:
                    (tmp_path / "go").touch()
                if isinstance(event, TaskEvent):
                    ended.append((event.id, event.failure))
        (other,) = before - {running}
        assert set(tasks(account)) == {running, f"{other}-2"}
        assert sorted(ended) == sorted([(running, ""), (f"{other}-2", "")])


def test_r30_links_that_last_are_left_alone(name: str, tmp_path: Path, local_account: LocalAccount) -> None:
    """A task whose links last a day more than it waited is waited for, and of a young job nobody asks."""
    work = spec(name, 0)
    with aged(tmp_path, local_account.connection_string, YOUNG) as (account, _):
        applied(account, work)
        assert not planned(account, work).work.runs
        assert read_status(account, work).links_end is None


def test_r30_a_running_task_cannot_be_helped(name: str, tmp_path: Path, local_account: LocalAccount) -> None:
    """It goes on as it is; plan and status say which, and that its output may come too late."""
    work = spec(name, 2)
    with aged(tmp_path, local_account.connection_string, LINK_LIFE) as (account, _):
        applied(account, work)
        until(lambda: {task["state"] for task in tasks(account).values()} == {"running"})
        plan = planned(account, work)
        assert not plan.has_changes
        (finding,) = plan.findings
        assert finding.code == "BS0708"
        assert all(id in finding.summary for id in tasks(account))
        assert "of 2 running tasks expire within a day or have expired" in status_text(
            read_status(account, work)
        )


def test_r30_what_has_no_links_is_not_renewed(name: str, tmp_path: Path, local_account: LocalAccount) -> None:
    """With an identity tasks may wait as long as they like."""
    work = spec(name, 0)
    data: Any = work.document.data
    who = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    work = spec_of({**json.loads(json.dumps(data)), "identity": who})
    with aged(tmp_path, local_account.connection_string, LINK_LIFE * 2) as (account, _):
        applied(account, work)
        assert not planned(account, work).work.runs
        assert read_status(account, work).links_end is None


def test_links_last_as_long_as_a_long_job(name: str, tmp_path: Path, local_account: LocalAccount) -> None:
    """The account's key signs them for the month that the job has: what waits for a week needs no new ones."""
    work = spec(name, 0)
    data: Any = json.loads(json.dumps(work.document.data))
    data["job"]["constraints"] = {"maxWallClockTime": "P30D"}
    work = spec_of(data)
    with aged(tmp_path, local_account.connection_string, LINK_LIFE) as (account, _):
        applied(account, work)
        for task in tasks(account).values():
            end = end_of(output_link(task))
            assert end is not None
            assert timedelta(days=30) < end - datetime.now(UTC) < timedelta(days=31)
        assert not planned(account, work).work.runs
        assert read_status(account, work).links_end is None


@pytest.mark.pure
@pytest.mark.parametrize(
    ("bound", "hours"),
    [
        (None, 168),
        ("P1D", 168),
        ("P7D", 168),
        ("P8D", 194),
        ("P90D", 2160),
        ("P100000D", 2160),
        (NO_LIMIT, 168),
    ],
)
def test_how_long_links_are_wanted_to_last(bound: str | None, hours: int) -> None:
    """As long as the job if that is longer than a week, with what is lost before a task is added; 90 days at most."""
    job = {"id": "one", "constraints": {"maxWallClockTime": bound} if bound else {}}
    assert life_wanted(job) == timedelta(hours=hours)


def output_link(task: Json) -> str:
    return str(task["outputFiles"][0]["destination"]["container"]["containerUrl"])


def test_r29_r30_links_last_as_long_as_is_counted_on(
    name: str, tmp_path: Path, local_account: LocalAccount
) -> None:
    """From the moment a task is added, its links last at least as long as plans take them to."""
    work = spec(name, 0)
    with served(tmp_path, local_account.connection_string) as account:
        applied(account, work)
        for task in tasks(account).values():
            end = datetime.fromisoformat(parse_qs(urlsplit(output_link(task)).query)["se"][0])
            added = datetime.fromisoformat(task["creationTime"])
            assert end - added > LINKS_LAST + timedelta(minutes=submit.LINK_KEPT_S / 60)
            assert end - added < LINK_LIFE


def test_r30_the_link_to_the_outputs_is_renewed_while_tasks_are_added(
    name: str, tmp_path: Path, local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploads may take hours; a task that is added after them has a link of then, not of the run's beginning."""
    monkeypatch.setattr(submit, "LINK_KEPT_S", -1.0)
    made: list[str] = []
    with served(tmp_path, local_account.connection_string) as account:
        write_url = account.blobs.write_url

        def counted(container: str, life: timedelta) -> str:
            made.append(container)
            return write_url(container, life)

        monkeypatch.setattr(account.blobs, "write_url", counted)
        applied(account, spec(name, 0))
        assert len(made) == 3
        assert len(tasks(account)) == 2
