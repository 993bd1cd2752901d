"""Adding the tasks, each as soon as its input is there; taking away those that new work replaces."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from batchspec.counts import count_text
from batchspec.desired.bodies.composed_body import composed_body
from batchspec.desired.bodies.fold import Bodies
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.engine.run.progress.conduct import Conduct, PlanAgain
from batchspec.engine.run.progress.outcome import Followed
from batchspec.engine.run.sending.cancelled import require_not_cancelled
from batchspec.engine.run.sending.postponed import Postponed
from batchspec.engine.run.sending.provision import create_job
from batchspec.engine.run.sending.send_all import SINGLE_SLOW_S, send_all
from batchspec.engine.run.sending.uploads import Uploads
from batchspec.errors import RunError
from batchspec.events import Step
from batchspec.ledger.database import Mapped
from batchspec.plan.model import Kind, Removal, Run
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.links import life_wanted
from batchspec.resources.records import SPEC_METADATA
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service
from batchspec.service.batch.secrets import has_secrets, with_secrets
from batchspec.service.batch.task_collection import JOB_IS_OVER, Packed, TaskCollection, add, collections

LINK_KEPT_S = 1800.0  # see LINKS_LAST


def delete_outdated(conduct: Conduct) -> list[Followed]:
    """Deletes tasks that have not ended and left the spec, or are superseded, where the job that has them goes on.

    Gives the tasks that were to get new links and have begun since the plan: they go on with those they have, unless
    they have failed by now.
    """
    begun: list[Followed] = []
    batch, job_id = conduct.account.batch, conduct.plan.job_id

    def has_begun(removal: Removal) -> bool:
        # Its ETag would not tell: it does not move as a task runs (FACTS 0.11).
        live = task_service.read(batch, job_id, removal.id)
        return live is not None and live.state != "active" and not live.failure

    def delete(live: Removal) -> None:
        conduct.check()
        if live.renews and live.number is not None and has_begun(live):
            begun.append(Followed(live.id, live.number))
        else:
            task_service.delete(batch, job_id, live.id)

    outdated = (removal for removal in _removals(conduct) if not removal.has_ended)
    send_all(outdated, delete, slow_s=SINGLE_SLOW_S)
    return begun


def delete_ended(conduct: Conduct) -> None:
    """Deletes the tasks that had ended and whose next attempt was added."""
    refused = conduct.outcome.refused_numbers()

    def delete(removal: Removal) -> None:
        conduct.check()
        task_service.delete(conduct.account.batch, conduct.plan.job_id, removal.id)

    ended = (removal for removal in _removals(conduct) if removal.has_ended and removal.number not in refused)
    send_all(ended, delete, slow_s=SINGLE_SLOW_S)


def _removals(conduct: Conduct) -> Iterable[Removal]:
    """The tasks to delete; those in a completed job are in nobody's way."""
    return () if conduct.plan.creates(Kind.JOB) else conduct.plan.work.removals


def add_tasks(conduct: Conduct, uploads: Uploads, begun: Sequence[Followed] = ()) -> None:
    """Adds the tasks, each as soon as its input is there, and lets their job complete with them.

    In place of those that are to run, *begun* are at work already.
    """
    sender, runs = _Sender(conduct, begun), conduct.plan.work.runs

    def send(group: TaskCollection) -> None:
        try:
            sender.send(group)
        except BaseException as error:
            uploads.fail(error)  # else it would be seen when the next upload ends, which may take hours
            raise

    if runs:
        _make_folder_blob(conduct)
        conduct.begin(Step.ADD, total=len(runs), unit="tasks")
        packer = _Packer(conduct)
        done = {task.number for task in begun}
        lots = (_without(done, lot) for lot in _as_ready(conduct, uploads))
        postponed = Postponed(conduct)
        ready = (map(packer.packed, postponed.without(lot)) for lot in lots)
        send_all((group for lot in ready for group in collections(lot)), send)
        conduct.outcome.postponed = len(postponed)
        added = len(runs) - conduct.outcome.refused - conduct.outcome.postponed
        conduct.end(Step.ADD, f"{count_text(added, 'task')} in {sender.job_id}")
    if not conduct.plan.work.goes_on:
        seal(conduct, sender.job_id)


def _without(done: Collection[int], runs: Iterable[Run]) -> Iterable[Run]:
    """*runs*, less those of the tasks that have the numbers *done*."""
    return (run for run in runs if run.task.number not in done) if done else runs


def seal(conduct: Conduct, job_id: str) -> None:
    """Lets the job complete with its tasks, now that it has all of them, where the spec says so and it does not yet."""
    moved_on = job_id != conduct.plan.job_id
    if conduct.plan.seals_job or (moved_on and conduct.job["onAllTasksComplete"] == "terminatejob"):
        conduct.check()
        job_service.seal(conduct.account.batch, job_id)


def _make_folder_blob(conduct: Conduct) -> None:
    """The blob that tasks without a wrapper get their output folder from is there, where there may be such tasks."""
    spec, blobs = conduct.spec, conduct.account.blobs
    if any(group.may_be_unwrapped and group.outputs for group in spec.groups):
        conduct.check()
        blobs.ensure_container(spec.containers.input)
        blobs.put(
            spec.containers.input,
            Places.of(spec).node_folder,
            b"This file makes the folder that it lies in.\n",
            {SPEC_METADATA: spec.name},
        )


def _as_ready(conduct: Conduct, uploads: Uploads) -> Iterator[Iterable[Run]]:
    """The runs in lots, as their inputs arrive, those whose input is there first. Raises what an upload raised."""
    work = conduct.plan.work
    yield work.ready
    for blobs in uploads.arrived():
        yield chain.from_iterable(map(work.waiting, blobs))
    if uploads:
        conduct.end(Step.UPLOAD, count_text(conduct.outcome.uploaded, "file"))
    yield work.last  # in the order of the flow: a task is added behind those that it depends on


class _Sender:
    """Adds collections of tasks to one job, which may be over in the middle of it. Used by many threads."""

    def __init__(self, conduct: Conduct, begun: Sequence[Followed]) -> None:
        self.job_id = conduct.plan.job_id
        self._conduct = conduct
        at_work = Mapped(conduct.plan.work.in_progress, lambda entry: Followed(entry[1], entry[0].number))
        conduct.outcome.follow(self.job_id, at_work)
        conduct.outcome.follow(self.job_id, begun)
        self._added = len(begun)
        self._lock = threading.Lock()

    def send(self, group: TaskCollection) -> None:
        job_id = self.job_id
        if late := self._add(job_id, group):
            require_not_cancelled(self._conduct, job_id)
            if self._conduct.plan.work.has_flow:
                raise PlanAgain(
                    "The job ended while tasks were added"
                )  # none can wait for one of another job
            # Of many threads that find it over, the first makes the next one; the rest take it from there.
            job_id = self._job_after(job_id)
            if self._add(job_id, group.only(late)):
                raise RunError(
                    f"the job {job_id} came to its end as it was made", help="run the same command again"
                )

    def _add(self, job_id: str, group: TaskCollection) -> set[str]:
        """Adds the tasks; returns the ids of those that the job did not take because it has completed."""
        conduct = self._conduct
        conduct.check()
        refused = add(conduct.account.batch, job_id, group)
        late = {id for id, error in refused.items() if error.code in JOB_IS_OVER}
        tasks = list(zip(group.ids, group.numbers, strict=True))
        with self._lock:
            for id, error in refused.items():
                if id not in late:
                    number = group.numbers[group.ids.index(id)]
                    conduct.outcome.refuse(Followed(id, number), str(error))
            conduct.outcome.follow(job_id, [task for task in tasks if task[0] not in refused])
            self._added += len(group) - len(late)
            conduct.progress(Step.ADD, "", self._added, len(conduct.plan.work.runs), "tasks")
        return late

    def _job_after(self, over: str) -> str:
        """The next generation, which takes the rest of the tasks: *over* completed between the plan and now."""
        conduct = self._conduct
        with self._lock:
            if self.job_id == over:
                taken = job_service.generations(conduct.account.batch, conduct.spec.job_id)
                job_id = jobs.next_id(conduct.spec.job_id, (job["id"] for job in taken))
                create_job(conduct, job_id)
                conduct.outcome.follow(job_id, ())
                self.job_id = job_id  # for the others, who do not wait here, not before it is there
            return self.job_id


class _Packer:
    """Makes the tasks' bodies; the link to the outputs, which all of them share, is never older than half an hour."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._spec = conduct.spec
        self._blobs = conduct.account.blobs
        self._signs = self._spec.identity is None
        self._life = life_wanted(self._spec.job)
        groups = conduct.desired.tasks.groups.values()
        self._secretive = {group.name for group in groups if has_secrets(group.body)}
        self._stored_as = conduct.plan.work.stored_as
        self._renew()

    def packed(self, run: Run) -> Packed:
        if time.monotonic() - self._made > LINK_KEPT_S:
            self._renew()
        # Put in at the last moment, and only here: bodies that are rendered, shown or compared have no secrets.
        body = self._body(run)
        if self._secretive and run.task.group.name in self._secretive:
            body = _compact(with_secrets(json.loads(body)))
        return Packed(run.id, body, run.task.number)

    def _body(self, run: Run) -> bytes:
        if self._conduct.desired.tasks.is_composed(run.task):
            return self._composed(run)
        item = run.task.input
        return self._bodies.json(run.task, run.id, self._link(item) if item else None)

    def _composed(self, run: Run) -> bytes:
        waits_for = self._conduct.plan.work.waits_for(run.task.number)
        links = self._bodies.links
        body = composed_body(
            self._conduct.desired, run.task, run.id, self._link, links, waits_for, self._keep
        )
        return _compact(body)

    def _keep(self, blob: str, content: bytes) -> None:
        container = self._spec.containers.input
        self._blobs.ensure_container(container)
        self._blobs.put(container, blob, content, {SPEC_METADATA: self._spec.name})

    def _link(self, item: Input) -> str:
        if item.blob:
            return self._read(item.container, self._stored_as(item.blob))
        if self._signs:
            return self._blobs.list_url(item.container, self._life)
        return self._blobs.url(item.container)

    def _read(self, container: str, blob: str) -> str:
        return (
            self._blobs.read_url(container, blob, self._life)
            if self._signs
            else self._blobs.url(container, blob)
        )

    def _write(self, container: str) -> str:
        return self._blobs.write_url(container, self._life) if self._signs else self._blobs.url(container)

    def _renew(self) -> None:
        self._made = time.monotonic()
        containers = self._spec.containers
        folder = self._read(containers.input, Places.of(self._spec).node_folder)
        self._bodies = Bodies(self._spec, self._write(containers.output), folder)


def _compact(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
