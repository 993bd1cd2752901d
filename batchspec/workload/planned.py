"""A plan together with all that it takes to show it, to save it, to hold another one against it, and to do it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from batchspec.errors import RunError, SpecError
from batchspec.plan.identity import plan_digest, plan_id
from batchspec.render.show import page
from batchspec.workload import consent

if TYPE_CHECKING:
    from batchspec.desired.selection import Selection
    from batchspec.desired.task import Desired
    from batchspec.engine.look.machine.project import Project
    from batchspec.engine.run.apply import Apply
    from batchspec.engine.run.downloads.download import Arrived
    from batchspec.engine.run.progress.lock import Held
    from batchspec.engine.saved_plan import SavedPlan
    from batchspec.events import Event
    from batchspec.language.model import Spec
    from batchspec.plan.model import Action, Plan
    from batchspec.service.connect import Account
    from batchspec.source import Diagnostic
    from batchspec.workload.reading import Environment

_MOST_PLANS = 5
ALLOCATION_TIMEOUT_S = 45 * 60.0
"""How long a pool without nodes asks for them again. One resize alone may take its `resizeTimeout`, 15 minutes."""


def _nobody_agrees(_what: str, _news: Sequence[str]) -> bool:
    return False


class Manner(NamedTuple):
    """How a plan is done. Times are in seconds, None is for ever.

    `allowed` are thresholds of the spec's `safety:` that it may go beyond. With `reviewed`, a plan's id or digest,
    exactly that plan is done; without, the plan is made anew under the lock, and `agrees` is asked where it takes away
    more than before.
    """

    allowed: tuple[str, ...] = ()
    timeout_s: float | None = None
    lock_timeout_s: float = 0.0
    allocation_s: float = ALLOCATION_TIMEOUT_S
    detach: bool = False
    reviewed: str | None = None
    agrees: consent.Agrees = _nobody_agrees


@dataclass(frozen=True, eq=False, repr=False)
class Planned:
    """What would be done to make it so: `for action in plan`, each with its operation, kind, id and reason.

    It is as things were when it was made, and reads nothing any more. `str(plan)` is what `batchspec plan` prints;
    a notebook shows it as Markdown.
    """

    account: Account
    project: Project
    desired: Desired
    plan: Plan

    def __iter__(self) -> Iterator[Action]:
        """Every action, in the order of the text: pool, jobs, uploads, deletions, tasks, downloads."""
        return iter(self.plan.actions)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<plan {self.id} of {self.plan.spec_name}, {self.plan.counts().total()} actions>"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    @property
    def has_changes(self) -> bool:
        """Whether anything would be done. Without, apply at most waits for tasks that are at work."""
        return self.plan.has_changes

    @property
    def starts_paid_nodes(self) -> bool:
        """Whether its first nodes that cost money would start; those of the local account are free."""
        return self.plan.starts_nodes and not self.account.offer.simulates

    @cached_property
    def digest(self) -> str:
        return plan_digest(self.plan, self.account.name)

    @property
    def id(self) -> str:
        """Two plans have the same id exactly when they would do the same on the same account."""
        return plan_id(self.digest)

    @property
    def header(self) -> str:
        """Where the plan comes from and where it goes."""
        return page([f"spec    {self.desired.spec.document.source.name}", f"target  {self.account.name}"])

    def text(self, *, show_all: bool = False) -> str:
        """The plan for people; with *show_all* every upload, task and download."""
        from batchspec.render.plans.as_text import plan_text

        text = f"{self.header}\n{plan_text(self.plan, show_all=show_all, warnings=self._warnings)}"
        return f"{text}Plan id: {self.id}\n" if self.plan.has_changes else text

    def markdown(self) -> str:
        """The plan as a comment of a pull request."""
        from batchspec.render.plans.as_markdown import plan_markdown
        from batchspec.render.show import show

        environment = f"batchspec plan {self.desired.spec.arguments}  # {self.account.name}"
        return plan_markdown(self.plan, id=self.id, environment=show(environment), warnings=self._warnings)

    def to_json(self) -> str:
        """The plan as one JSON object, after `schemas/batchspec-plan-v1.schema.json`."""
        return "".join(self.json_pieces())

    def json_pieces(self) -> Iterator[str]:
        """What `to_json` gives, piece by piece: a plan may have a million actions."""
        from batchspec.render.plans.as_json import plan_json

        return plan_json(self.plan, id=self.id, account=self.account.name, warnings=self._warnings)

    def saved(self, environment: Environment) -> SavedPlan:
        """The plan as a file keeps it."""
        from batchspec.engine.saved_plan import saved_plan

        files = tuple(map(str, environment.params_files))
        name = self.desired.spec.document.source.name
        return saved_plan(
            json.loads(self.to_json()), name, self.account.offer.target, environment.settings, files
        )

    def apply(
        self,
        *,
        approve: bool = False,
        allow: Sequence[str] = (),
        timeout_s: float | None = None,
        lock_timeout_s: float = 0.0,
        allocation_timeout_s: float = ALLOCATION_TIMEOUT_S,
        detach: bool = False,
    ) -> Iterator[Event]:
        """Does it, and tells of it: an iterator of events, of which the last is a `SummaryEvent`; none without changes.

        It is the iteration that does it; whoever leaves it early ends the run, as Ctrl-C does, and another apply goes
        on from there. *approve* is the word for what deletes, replaces or empties something, *allow* names thresholds
        of the spec's `safety:` that this once do not count. Watching ends after *timeout_s* seconds, or at once with
        *detach*: then tasks keep running. Another apply of the spec is waited for for *lock_timeout_s* seconds; where
        Azure has no nodes, they are asked for again for *allocation_timeout_s*.

        Raises at once `PlanError` where the account would refuse the plan, and `RefusedError` where consent is missing;
        during the run `LockedError`, `ServiceError`, `StuckError` or `RunError`; after the summary `TasksFailedError`.
        """
        manner = Manner(
            tuple(allow),
            timeout_s,
            lock_timeout_s,
            allocation_timeout_s,
            detach,
            agrees=lambda _what, _news: approve,
        )
        if self.plan.is_empty:
            self.note_file(lock_timeout_s)
            self.require_few_enough()
            return iter(())
        consent.require_safe(self.plan, manner.allowed)
        consent.require_consent(self.plan, manner.agrees)
        return self._events(manner)

    def _events(self, manner: Manner) -> Iterator[Event]:
        with self.runs(manner) as runs:
            for run in runs:
                yield from run.events()
        run.require_success()

    @contextmanager
    def runs(self, manner: Manner) -> Iterator[Iterator[Apply]]:
        """Within it no other apply is at work. What it gives are the runs that do the plan: one, nearly always."""
        from batchspec.desired.places import Places
        from batchspec.engine.run.progress.lock import locked

        places = Places.of(self.desired.spec)
        with locked(self.account, places, f"plan id {self.id}", wait_s=manner.lock_timeout_s) as held:
            yield self._runs(manner, held)

    def _runs(self, manner: Manner, held: Held) -> Iterator[Apply]:
        """A run of the plan as it is now; after it another one for as long as it asks to be planned again."""
        from batchspec.engine.run.apply import Apply

        run: Apply | None = None
        plans, earlier, ends = 0, None, time.monotonic() + (manner.timeout_s or 0.0)
        selection = self.desired.selection
        while plans < _MOST_PLANS:
            try:
                now = made(self.account, self.desired.spec, self.project, selection)
            except SpecError:
                if run and earlier:  # what a round has made cannot be read: there is no other
                    run.put_away()
                raise
            self._require_consent(now, manner, is_first=run is None)
            run = Apply(
                self.account,
                now.desired,
                now.plan,
                held,
                timeout_s=None if manner.timeout_s is None else max(0.0, ends - time.monotonic()),
                allocation_s=manner.allocation_s,
                detach=manner.detach,
                max_failures=None
                if "maxFailures" in manner.allowed
                else now.desired.spec.safety.max_failures,
                earlier=earlier,
            )
            yield run
            if not run.plans_again:
                return
            if run.round is None:
                plans += 1
            else:
                earlier = run.round
                selection = selection._replace(rerun=(), open=earlier.groups, failed=earlier.failed)
        raise RunError(
            f"after {_MOST_PLANS} plans there is still work that could not begin",
            help="run the same command again",
        )

    def _require_consent(self, now: Planned, manner: Manner, *, is_first: bool) -> None:
        """The plan as it is *now* is the one that was reviewed, or asks for no more than this one, and is safe."""
        if manner.reviewed is not None and is_first:
            consent.require_id(manner.reviewed, now.digest)
        else:
            consent.require_no_more(self.plan, now.plan, manner.agrees)
        consent.require_safe(now.plan, manner.allowed)

    def require_few_enough(self) -> None:
        """Raises `RefusedError` where a task made more files than `atMost` allows: then something is left undone."""
        from batchspec.engine.run.apply import require_few_enough

        require_few_enough(self.plan)

    def note_file(self, lock_timeout_s: float = 0.0) -> None:
        """Does what is left to do where a plan has no action.

        That is to note which file has the spec's name, where an earlier version has made what is there, and to delete
        temporary outputs that an earlier run has left.
        """
        from batchspec.desired.places import Places
        from batchspec.engine.run.claim import claim_name
        from batchspec.engine.run.progress.lock import locked

        plan, spec = self.plan, self.desired.spec
        if plan.work.has_served:
            self._remove_served(lock_timeout_s)
        if plan.unnoted or (plan.notes_file and plan.work.up_to_date):
            with locked(self.account, Places.of(spec), "noting its file", wait_s=lock_timeout_s) as held:
                claim_name(self.account, spec, plan, held.check)

    def _remove_served(self, lock_timeout_s: float) -> None:
        """Deletes temporary outputs that nothing needs any more; an earlier run was left before it could."""
        from batchspec.desired.places import Places
        from batchspec.engine.run.downloads.kept import remove_temporary
        from batchspec.engine.run.progress.conduct import Conduct
        from batchspec.engine.run.progress.lock import locked

        places = Places.of(self.desired.spec)
        with locked(self.account, places, "temporary outputs", wait_s=lock_timeout_s) as held:
            remove_temporary(Conduct(self.account, self.desired, self.plan, held, tell=lambda _: None))

    def arriving(self) -> Iterator[Arrived]:
        """Fetches the outputs that are there and not here, several side by side. Raises `RunError`."""
        from batchspec.engine.run.downloads.download import fetch_all

        return fetch_all(self.account.blobs, self.desired.spec, self.plan)

    def pruning(self) -> Iterator[str]:
        """Deletes the files that were downloaded and whose outputs have left the spec; gives those that are gone."""
        from batchspec.engine.run.downloads.download import prune_all

        return prune_all(self.desired.spec, self.plan)

    @property
    def _warnings(self) -> tuple[Diagnostic, ...]:
        return self.desired.spec.warnings


def made(account: Account, spec: Spec, project: Project, selection: Selection) -> Planned:
    """The plan of *spec*, which may use the files of *project*, made now."""
    from batchspec.engine.look.observe import plan_now

    return Planned(account, project, *plan_now(account, spec, project, selection))
