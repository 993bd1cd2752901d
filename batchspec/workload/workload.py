"""A spec with its values, and all that can be done with it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from batchspec.errors import RefusedError, SpecError, UsageError
from batchspec.workload.reading import Environment, check, errors_of, project_of, read_spec, settings_of

if TYPE_CHECKING:
    from batchspec.desired.task import Desired
    from batchspec.engine.destroy import Deleted
    from batchspec.engine.health.status import Status
    from batchspec.engine.history.record import Run
    from batchspec.engine.look.machine.project import Ask, Project
    from batchspec.engine.report import Report
    from batchspec.language.model import Spec
    from batchspec.service.connect import Account
    from batchspec.source import Diagnostic
    from batchspec.workload.cancellation import Cancellation
    from batchspec.workload.destruction import Destruction
    from batchspec.workload.opening import Tell
    from batchspec.workload.planned import Planned


def _silent(_line: str) -> None:
    pass


class Workload:
    """One spec with values for its params, and the account that its work goes to.

    The account is opened by the first method that needs it, as a command opens it: the one that the environment's
    `AZURE_...` variables name, else the local one, which is started. `close`, or the end of a `with` block, closes it.

    Every method raises errors of `batchspec.errors`. What talks to the account raises `NotSignedInError` where
    credentials are missing or refused, and `ServiceError` where a call was refused.
    """

    def __init__(
        self,
        spec_file: Path,
        environment: Environment,
        *,
        tell: Tell = _silent,
        ask: Ask | None = None,
        takes_over: bool = False,
        prices: str | None = None,
    ) -> None:
        self.spec: Spec = read_spec(spec_file, environment, takes_over=takes_over)
        self.environment = environment
        self._file = spec_file
        self._tell = tell
        self._ask = ask
        self._prices = prices
        self._account: Account | None = None
        self._open = ExitStack()
        weakref.finalize(self, self._open.close)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        params: Mapping[str, object] | None = None,
        *,
        params_files: Iterable[str | os.PathLike[str]] = (),
        target: str | None = None,
        allow_paths: Iterable[str | os.PathLike[str]] = (),
        take_over: bool = False,
        prices: str | os.PathLike[str] | None = None,
        tell: Tell = _silent,
    ) -> Self:
        """The workload of the spec at *path*.

        *params* and *params_files* give values to the spec's params; later files win, *params* win over all.
        *target* is `local` or `azure`. *allow_paths* are folders outside of the project that the spec may read from
        and download to. With *take_over* this file gets what another spec file made under the same name. *prices* is a
        file or an address to take prices from instead of Azure's list, or `off`. *tell* gets a line about each thing
        that takes long.

        Raises `SpecError`, with every finding in its `diagnostics`, and `UsageError` for a file that cannot be read
        and a param that the spec does not have.
        """
        files, folders = (tuple(map(Path, paths)) for paths in (params_files, allow_paths))
        return cls(
            Path(path),
            Environment(settings_of(params or {}), files, target, folders),
            tell=tell,
            takes_over=take_over,
            prices=None if prices is None else os.fspath(prices),
        )

    def __repr__(self) -> str:
        return f"<workload {self.spec.name} of {self._file}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def validate(self) -> tuple[Diagnostic, ...]:
        """The warnings about the spec and its local inputs, in order of position. Needs no account.

        Raises `SpecError` when an input is wrong: a glob that matches nothing, two tasks of one name.
        """
        found = check(self._file, self.environment, self._ask)
        if errors_of(found):
            raise SpecError(found)
        return found

    def plan(
        self, *, overwrite: bool = False, only: Iterable[str] = (), rerun: Iterable[str] = ()
    ) -> Planned:
        """What would be done to make the account as the spec says, with the inputs of this moment. Reads only.

        With *overwrite*, downloads replace local files that batchspec did not download, or that were edited since.
        *only* and *rerun* name groups and tasks as the options of `batchspec plan` do.

        Raises `SpecError` for wrong inputs, and `UsageError` for a task that there is not.
        """
        from batchspec.desired.selection import Selection
        from batchspec.workload.planned import made

        project = self.project(overwrite=overwrite)
        self._check_inputs_before_start(project)
        return made(self.account, self.spec, project, Selection(tuple(only), tuple(rerun)))

    def status(self) -> Status:
        """How the pool, the job and the tasks stand now. States are Batch's own. Reads only."""
        from batchspec.engine.health.status import read_status

        return read_status(self.account, self.spec)

    def report(self, run_id: str | None = None) -> Report:
        """How the tasks of the newest run went, or of the run *run_id*. Reads only.

        Raises `UsageError` where there is no such run, or none at all.
        """
        from batchspec.engine.report import read_report

        return read_report(self.account, self.spec, run_id)

    def runs(self) -> list[Run]:
        """The runs that have left a record, the oldest first."""
        from batchspec.engine.report import read_runs

        return read_runs(self.account, self.spec)

    def download(self, *, overwrite: bool = False, prune: bool = False) -> tuple[Path, ...]:
        """Fetches the outputs that are missing here, or differ, and gives their files. Runs nothing.

        With *overwrite*, local files are replaced that batchspec did not download, or that were edited since; with
        *prune*, downloaded files are deleted whose outputs have left the spec.

        Raises `UsageError` for a spec that downloads nothing, and `RunError` for a file that cannot be written.
        """
        planned = self.downloads(overwrite=overwrite)
        arrived = tuple(Path(arrived.file) for arrived in planned.arriving())
        if prune:
            _ = list(planned.pruning())
        return arrived

    def downloads(self, *, overwrite: bool = False) -> Planned:
        """The plan by which outputs are fetched, also where the inputs are not on this machine.

        Raises `UsageError` for a spec that downloads nothing.
        """
        from batchspec.engine.look.observe import downloads_now
        from batchspec.workload.planned import Planned

        if self.spec.download is None:
            raise UsageError(
                "the spec downloads nothing", help="give it a line such as `download: ../outputs/`"
            )
        account, project = self.account, self.project(overwrite=overwrite)
        return Planned(account, project, *downloads_now(account, self.spec, project, self._tell))

    def destroy(
        self,
        *,
        approve: bool = False,
        keep_pool: bool = False,
        outputs: bool = False,
        orphans: bool = False,
        lock_timeout_s: float = 0.0,
    ) -> tuple[Deleted, ...]:
        """Deletes the spec's jobs, pools and blobs, also what it no longer names, and gives what is gone.

        Downloaded files stay, and outputs in storage, too, unless *outputs* is true; *keep_pool* leaves the pools. With
        *orphans*, only what the spec no longer names goes, and outputs and uploads that no task makes or reads any
        more. Another apply of the spec is waited for for *lock_timeout_s* seconds.

        Raises `RefusedError` when there is something to delete and *approve* is not true, and for a protected pool;
        `LockedError` when another apply is at work.
        """
        destruction = self.destruction(keep_pool=keep_pool, outputs=outputs, orphans=orphans)
        if destruction.doomed.is_empty:
            return ()
        if not approve:
            raise RefusedError("nothing was deleted: it was not approved", help="pass approve=True")
        return tuple(destruction.deleting(lock_timeout_s))

    def destruction(self, *, keep_pool: bool, outputs: bool, orphans: bool) -> Destruction:
        """What `destroy` would do, to be looked at first."""
        from batchspec.engine.destroy import find_doomed
        from batchspec.workload.destruction import Destruction

        account, spec = self.account, self.spec
        wanted = self._all_desired() if orphans else None
        return Destruction(
            account,
            spec,
            lambda: find_doomed(account, spec, keep_pool=keep_pool, outputs=outputs, orphans_of=wanted),
        )

    def cancel(self, *tasks: str, groups: Iterable[str] = (), approve: bool = False) -> int:
        """Ends the tasks that wait or run, and gives their number: all, or those of *tasks* and *groups*.

        Tasks are named as `batchspec cancel` takes them. Outputs and the pool stay; the next apply runs exactly what
        was cancelled.

        Raises `RefusedError` when there is something to cancel and *approve* is not true; `UsageError` for a task that
        there is not.
        """
        cancellation = self.cancellation(tasks, tuple(groups))
        if cancellation.found.is_empty:
            return 0
        if not approve:
            raise RefusedError("nothing was cancelled: it was not approved", help="pass approve=True")
        return cancellation.cancel()

    def cancellation(self, tasks: Sequence[str], groups: Sequence[str]) -> Cancellation:
        """What `cancel` would end, to be looked at first."""
        from batchspec.engine.cancel import find_cancellable
        from batchspec.workload.cancellation import Cancellation

        return Cancellation(self.account, self.spec, find_cancellable(self.account, self.spec, tasks, groups))

    def _all_desired(self) -> Desired:
        """What the spec asks for. Raises `RefusedError` where that is known only when some tasks have run."""
        from batchspec.engine.look.observe import plan_now
        from batchspec.engine.look.reads import desired_now

        if not self.spec.has_rounds:
            return desired_now(self.spec, self.account.blobs.list, self.project())
        desired, plan = plan_now(self.account, self.spec, self.project())
        if plan.work.open or plan.work.exceeding:
            raise RefusedError(
                "which tasks the spec has is not known yet, so neither is what no task makes any more",
                help=f"run `batchspec apply {self.spec.arguments}` first",
            )
        return desired

    @property
    def account(self) -> Account:
        """The account, which is opened now if it is not open yet."""
        from batchspec.workload.opening import opened

        if self._account is None:
            self._account = opened(self._target, self._tell, self._open, self._prices)
        return self._account

    def project(self, *, overwrite: bool = False) -> Project:
        """What the spec may read and write on this machine."""
        return project_of(self.spec, self.environment, self._ask, overwrite=overwrite)

    def hurry(self) -> None:
        """From now on a call that fails is not tried again. May be called from any thread."""
        if self._account is not None:
            self._account.hurry()

    def close(self) -> None:
        """Closes the account's connections. A method that needs it opens it again."""
        self._account = None
        self._open.close()

    @property
    def _target(self) -> str:
        from batchspec.service.connect import choose_target

        return choose_target(self.environment.target or self.spec.target)

    def _check_inputs_before_start(self, project: Project) -> None:
        """Raises `SpecError` for wrong local inputs, if the local account would have to be started first."""
        from batchspec.engine.look.reads import desired_now
        from batchspec.service import embedded

        if self._account is None and self._target == "local" and embedded.find() is None:
            desired_now(self.spec, None, project)
