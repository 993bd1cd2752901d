"""Making it so: a small graph run with bounded concurrency, told as events.

Tasks that nobody wants any more go first. Uploads go beside the pool's creation; the job after its pool; a task as
soon as the job and its own input are there; a download as soon as its task ended. Every step may be cut off
anywhere: running apply again ends in the same state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import NamedTuple

from batchspec.counts import count_text
from batchspec.desired.bodies.composed_body import public_outputs
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask
from batchspec.engine.health.situation import See
from batchspec.engine.health.trouble import StuckReason
from batchspec.engine.look.observe import list_blobs
from batchspec.engine.run.brake import Brake
from batchspec.engine.run.claim import claim_name
from batchspec.engine.run.doctor import Doctor
from batchspec.engine.run.downloads.download import Downloads
from batchspec.engine.run.downloads.kept import (
    copy_outputs,
    remove_former,
    remove_temporary,
    remove_unpublished,
)
from batchspec.engine.run.lookout import Lookout
from batchspec.engine.run.progress.conduct import Conduct, Interrupted, NextRound, PlanAgain
from batchspec.engine.run.progress.lock import Held
from batchspec.engine.run.progress.outcome import Outcome
from batchspec.engine.run.progress.result import MISSING, task_event
from batchspec.engine.run.record import leave_record
from batchspec.engine.run.sending.provision import (
    add_packages,
    clean_up,
    make_job,
    make_pool,
    retire_old_jobs,
)
from batchspec.engine.run.sending.submit import add_tasks, delete_ended, delete_outdated, seal
from batchspec.engine.run.sending.uploads import Uploads
from batchspec.engine.run.summary import failures_of, summarize, with_earlier
from batchspec.engine.run.watch import Watch
from batchspec.errors import (
    NotSignedInError,
    RefusedError,
    RunError,
    ServiceError,
    StuckError,
    TasksFailedError,
)
from batchspec.events import Event, FailureGroup, NoteEvent, Step, SummaryEvent
from batchspec.language.model import Limit, WhenDone
from batchspec.plan.checks.rounds import exceeding_text
from batchspec.plan.model import Kind, Operation, Plan
from batchspec.service.batch.secrets import with_secrets
from batchspec.service.connect import Account

_TRANSFERS = 8


class Round(NamedTuple):
    """What is known of a run that another round follows: its summary, and the groups of which it had unknown tasks.

    `failed` has the keys of tasks that did not end well: the next rounds leave them alone.
    """

    summary: SummaryEvent
    groups: tuple[str, ...]
    failed: tuple[str, ...]


def require_few_enough(plan: Plan) -> None:
    """Raises `RefusedError` where a task made more files than a group takes."""
    if plan.work.exceeding:
        raise RefusedError(
            "; ".join(map(exceeding_text, plan.work.exceeding)),
            help="what was made is kept: raise `atMost` in the spec, then run the same command again",
        )


class Apply:
    """One run of a plan. `events` does the work; `stop` may be called from a signal handler at any time."""

    def __init__(
        self,
        account: Account,
        desired: Desired,
        plan: Plan,
        held: Held,
        *,
        timeout_s: float | None = None,
        allocation_s: float = 0.0,
        detach: bool = False,
        max_failures: Limit | None = None,
        earlier: Round | None = None,
    ) -> None:
        self._queue: SimpleQueue[Event | BaseException | None] = SimpleQueue()
        self._conduct = Conduct(account, desired, plan, held, tell=self._queue.put)
        self._timeout_s = timeout_s
        self._allocation_s = allocation_s
        self._detach = detach
        self._see: See | None = None
        self._brake = Brake(self._conduct, max_failures, earlier.summary if earlier else None)
        self._watching = False
        self._is_told = False
        self._earlier = earlier
        self._failures: tuple[FailureGroup, ...] = ()
        self.plans_again = False  # it ended, with work left that has to be planned anew
        self.round: Round | None = None  # what is kept of it where another round follows

    def stop(self) -> None:
        """Begins no new call, and no failed one again. While only watching, the run is left to itself."""
        self._is_told = True
        self._halt()

    def _halt(self) -> None:
        self._conduct.stopped.set()
        self._conduct.account.hurry()

    @property
    def is_only_watching(self) -> bool:
        """Whether everything is sent, and what is left is to wait for tasks and fetch their outputs."""
        return self._watching

    def require_success(self) -> None:
        """Raises `TasksFailedError` when tasks have failed, or were refused or cancelled.

        Beyond an `atMost` it raises `RefusedError`.
        """
        outcome, again = self._conduct.outcome, f"batchspec apply {self._conduct.spec.arguments}"
        failed, not_run = outcome.failed + outcome.refused, outcome.not_run
        if self._earlier:
            failed, not_run = failed + self._earlier.summary.failed, not_run + self._earlier.summary.not_run
        if failed:
            others = outcome.cancelled or not_run
            which = "the tasks that did not succeed" if others else "the failed tasks"
            raise TasksFailedError(
                f"{count_text(failed, 'task')} failed",
                help=f"fix the cause, then run `{again}`: only {which} run again",
            )
        for count, what in ((outcome.cancelled, "cancelled"), (not_run, "not run")):
            if count:
                raise TasksFailedError(
                    f"{count_text(count, 'task')} {'was' if count == 1 else 'were'} {what}",
                    help=f"`{again}` runs only these again",
                )

        require_few_enough(self._conduct.plan)

    def put_away(self) -> None:
        """The pool is as `whenDone` says, where a round was to follow and cannot."""
        clean_up(replace(self._conduct, stopped=threading.Event(), tell=lambda _: None))

    def events(self, see: See | None = None) -> Iterator[Event]:
        """Does the work in the background and tells of it, to the last summary.

        Whoever looks on is shown by *see*, which is called from the background, how the tasks stand while they run.
        """
        self._see = see
        worker = threading.Thread(target=self._work, name="apply")
        heard = self._conduct.account.heard(lambda text: self._queue.put(NoteEvent(text)))
        worker.start()
        try:
            with heard:
                yield from self._told()
        finally:
            self._conduct.stopped.set()
            worker.join()

    def _told(self) -> Iterator[Event]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, PlanAgain):
                self.plans_again = True
                if isinstance(item, NextRound):
                    self.round = self._kept()
                yield NoteEvent(f"{item}: planning again.")
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def _kept(self) -> Round:
        """What the next round has to know of this one, and of those before it."""
        conduct, earlier = self._conduct, self._earlier
        summary = summarize(conduct, self._failures)
        failed = conduct.outcome.failed_keys()
        return Round(
            with_earlier(earlier.summary, summary) if earlier else summary,
            tuple(found.group for found in conduct.plan.work.open),
            (*earlier.failed, *failed) if earlier else failed,
        )

    def _work(self) -> None:
        try:
            with ThreadPoolExecutor(_TRANSFERS, "transfer") as transfers:
                try:
                    self._run(transfers)
                except PlanAgain:
                    self._conduct.stopped.set()  # the next plan's calls are as patient as this one's
                    raise
                except BaseException:
                    self._halt()  # transfers that have not begun are not begun any more
                    raise
        except ServiceError as error:
            # Once told to stop, a failed call is not tried again; the next run sees what became of it.
            self._queue.put(Interrupted() if self._is_told else error)
        except BaseException as error:
            self._queue.put(error)
        finally:
            self._queue.put(None)

    def _run(self, transfers: ThreadPoolExecutor) -> None:
        """The steps of a run: send everything, watch it, then report and clean up."""
        doctor = Doctor(self._conduct, self._allocation_s)
        self._send(doctor, transfers)
        self._watching = True
        downloads = Downloads(self._conduct, transfers)
        try:
            self._watch(doctor, downloads)
        except RunError as error:
            leave_record(self._conduct, problem=str(error))
            if isinstance(error, StuckError) and StuckReason(error.reason).leaves_nodes:
                clean_up(self._conduct)  # nodes that run nothing cost as much as others
            raise
        self._bring_home(downloads)
        self._finish(doctor)

    def _send(self, doctor: Doctor, transfers: ThreadPoolExecutor) -> None:
        """Changes the account, in this order; steps that need not wait for each other do not."""
        conduct = self._conduct
        with_secrets([group.body for group in conduct.plan.work.groups])  # one that is missing ends it here
        doctor.begin()
        claim_name(conduct.account, conduct.spec, conduct.plan, conduct.check)
        begun = delete_outdated(conduct)
        uploads = Uploads(conduct)
        uploads.start(transfers)
        add_packages(conduct)
        if any(action.operation is not Operation.CREATE for action in conduct.plan.of(Kind.POOL)):
            doctor.last_look()
        make_pool(conduct)
        make_job(conduct)
        self._brake.begin()
        remove_former(conduct)
        copy_outputs(conduct)
        add_tasks(conduct, uploads, begun)
        delete_ended(conduct)
        retire_old_jobs(conduct)

    def _bring_home(self, downloads: Downloads) -> None:
        """The outputs are here. Where they cannot be, the nodes have still done their work: that raises the error."""
        try:
            downloads.finish()
        except (RunError, ServiceError, NotSignedInError) as error:
            if not self._is_told:  # then what failed was not tried again
                leave_record(self._conduct, problem=str(error))
                if not self._conduct.outcome.detached:
                    clean_up(self._conduct)
            raise

    def _finish(self, doctor: Doctor) -> None:
        """Tells how the tasks ended, has planned anew what may run now, and puts away what is no longer needed."""
        conduct = self._conduct
        remove_unpublished(conduct)
        self._failures = tuple(failures_of(conduct))
        leave_record(conduct, self._failures)
        if conduct.outcome.postponed:
            self._take_up_postponed()
        self._begin_next_round()
        if not conduct.outcome.detached:
            if conduct.spec.pool is not None and conduct.spec.pool.when_done is not WhenDone.KEEP:
                doctor.last_look()
            clean_up(conduct)
            remove_temporary(conduct)
        summary = summarize(conduct, self._failures)
        conduct.tell(with_earlier(self._earlier.summary, summary) if self._earlier else summary)

    def _begin_next_round(self) -> None:
        """Has tasks planned that are known only now; where there are none to come, the job has all that it gets."""
        conduct, outcome, work = self._conduct, self._conduct.outcome, self._conduct.plan.work
        if not work.goes_on:
            return
        names = ", ".join(dict.fromkeys(found.maker for found in work.open))
        if outcome.detached:
            again = f"`batchspec apply {conduct.spec.arguments}`"
            what = f"what reads the files of {names} is not in the job yet: run {again} when they are made"
            conduct.tell(NoteEvent(what, warning=True))
        elif outcome.makes_known() and not (outcome.cancelled or self._brake.was_used):
            raise NextRound(f"The files of {names} are known now")
        else:
            seal(conduct, list(outcome.followed)[-1])

    def _take_up_postponed(self) -> None:
        """Has what was postponed planned anew, where all that it may wait for has ended well; else says so."""
        outcome = self._conduct.outcome
        what = f"{count_text(outcome.postponed, 'task')} could not be added yet"
        if not outcome.detached and outcome.has_gone_well:
            raise PlanAgain(f"{what}; what they wait for is there now")
        again = f"`batchspec apply {self._conduct.spec.arguments}`"
        self._conduct.tell(NoteEvent(f"{what}: run {again} when the others have ended", warning=True))

    def _watch(self, doctor: Doctor, downloads: Downloads) -> None:
        """Waits for this plan's tasks, those included that were at work before."""
        conduct, outcome = self._conduct, self._conduct.outcome
        total = outcome.followed.total()
        if not total or self._detach:
            outcome.detached = self._detach
            return

        def fetch(task: DesiredTask) -> None:
            if conduct.spec.download is not None and task.group.downloads:
                for blob, is_folder in public_outputs(conduct.desired, task):
                    downloads.want(blob, is_folder=is_folder)

        pool_id = conduct.spec.pool.id if conduct.spec.pool else ""
        conduct.begin(Step.NODES, pool_id)
        deadline = time.monotonic() + self._timeout_s if self._timeout_s is not None else None
        for job_id in outcome.followed:
            lookout = Lookout(conduct, doctor, job_id, self._see) if self._see else None
            watch = Watch(conduct, doctor, self._brake, job_id, fetch, lookout)
            watch.run(deadline)
            outcome.detached |= bool(watch.pending)
        self._look_for_outputs()
        if not outcome.detached:
            nodes = doctor.at_the_end(list(outcome.followed)[-1])
            if conduct.is_under_way(Step.NODES):
                conduct.end(Step.NODES, nodes)
            if lookout:
                lookout.over()
            if not conduct.is_under_way(Step.RUN):
                conduct.begin(Step.RUN)  # all were cancelled before one ran
            conduct.end(Step.RUN, _counted(outcome))

    def _look_for_outputs(self) -> None:
        """Completed is no success: each output is looked for once more, and with the fingerprint of this work."""
        account, outcome, places = self._conduct.account, self._conduct.outcome, Places.of(self._conduct.spec)
        if outcome.succeeded:
            for id, task in outcome.check_outputs(list_blobs(account, places, places.output)):
                ran = outcome.execution(id)
                self._conduct.tell(task_event(id, MISSING, self._conduct.desired, task, ran))


def _counted(outcome: Outcome) -> str:
    """How the tasks ended: `3 succeeded, 1 failed`."""
    others = {"failed": outcome.failed, "cancelled": outcome.cancelled, "not run": outcome.not_run}
    more = "".join(f", {count} {how}" for how, count in others.items() if count)
    return f"{outcome.succeeded} succeeded{more}"
