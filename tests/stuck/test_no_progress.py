"""Every wait ends: tasks that nothing runs, though everything looks well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from main_job.workload import Workload, wait_until

from batchspec.desired.places import Places
from batchspec.document.parser import decode, parse
from batchspec.engine.look.observe import plan_now
from batchspec.engine.run.doctor import Doctor
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.progress.lock import locked
from batchspec.errors import StuckError
from batchspec.events import Event
from batchspec.language.build import build
from batchspec.service.batch import job as job_service
from batchspec.service.connect import connect

from .conftest import Luck


@contextmanager
def conducted(work: Workload, events: list[Event]) -> Iterator[Conduct]:
    """A run of the workload's spec, as it watches."""
    spec = build(parse(decode(work.spec.read_bytes(), str(work.spec))))
    account = connect("local", lambda _: None)
    try:
        desired, plan = plan_now(account, spec)
        with locked(account, Places.of(spec)) as held:
            yield Conduct(account, desired, plan, held, tell=events.append)
    finally:
        account.close()


def _wait_for_each_other(work: Workload) -> None:
    """Tasks that somebody made wait for one that is not there, on nodes that are ready."""
    work.write_held()
    work.edit(f"job: {{id: {work.job_id},", f"job: {{id: {work.job_id}, usesTaskDependencies: true,")
    work.apply("--detach")
    for id in work.tasks():
        work.delete(f"/jobs/{work.job_id}/tasks/{id}")
        body = {"id": id, "commandLine": "/bin/true", "dependsOn": {"taskIds": ["never-added"]}}
        work.batch("POST", f"/jobs/{work.job_id}/tasks", body)


def test_r41_tasks_that_nothing_runs_beside_idle_nodes_end_the_run_after_its_patience(
    work: Workload, luck: Luck
) -> None:
    """The first look only begins to wait; past the patience the run ends, says what stands still and where to look."""
    _wait_for_each_other(work)
    wait_until(lambda: [node["state"] for node in luck.nodes()] == ["idle", "idle"])
    events: list[Event] = []
    with conducted(work, events) as conduct:
        doctor = Doctor(conduct, patience=timedelta(0))
        counts = job_service.task_counts(conduct.account.batch, work.job_id)
        assert doctor.look(work.job_id, counts, conduct.spec.groups) == "2 idle"
        with pytest.raises(StuckError) as caught:
            doctor.look(work.job_id, counts, conduct.spec.groups)
    assert caught.value.reason == "no_progress"
    assert "2 tasks of" in str(caught.value)
    assert "(2 idle)" in str(caught.value)
    assert "depend" in caught.value.help
    assert events == []


def test_r41_tasks_that_run_are_given_as_long_as_their_links_last(held: Workload, luck: Luck) -> None:
    """While something runs on the pool, standing still is no reason to end the run, until the links have ended."""
    held.apply("--detach")
    luck.running(2)
    with conducted(held, []) as conduct:
        doctor = Doctor(conduct, patience=timedelta(0))
        counts = job_service.task_counts(conduct.account.batch, held.job_id)
        for _ in range(3):
            assert doctor.look(held.job_id, counts, conduct.spec.groups) == "2 running"
        later = Doctor(conduct, patience=timedelta(0), silence=timedelta(0))
        later.look(held.job_id, counts, conduct.spec.groups)
        with pytest.raises(StuckError) as caught:
            later.look(held.job_id, counts, conduct.spec.groups)
    assert caught.value.reason == "no_progress"
