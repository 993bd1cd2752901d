"""A point of the matrix: an apply killed around one of its calls, the plan of what is left, the apply that ends it."""

from __future__ import annotations

import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from batchspec.service.embedded import LocalAccount
from tests.crash.chain import CHAIN
from tests.crash.change import CHANGE
from tests.crash.first import FIRST
from tests.crash.rounds import ROUNDS
from tests.crash.state import Action, Reference, look, planned
from tests.main_job.wire import Cut, Heard, Moment, listening
from tests.main_job.workload import Workload, make_workload, wait_until

REFERENCES = (FIRST, CHANGE, CHAIN, ROUNDS)

_GENERAL = (
    (re.compile(r"tvm-[^/?]+"), "NODE"),
    (re.compile(r"-[a-z2-7]{10}-[a-z2-7]{10}"), "-WORK"),  # of a task's id
    (re.compile(r"(?<=/files/)[0-9a-f]{32}"), "MD5"),  # of an input's content
    (re.compile(r"(?<=/runs/)[^/?]+"), "RUN"),
)
_APPROVED = ("--auto-approve", "--allow", "maxDeletions")


class Call(NamedTuple):
    """A call of an apply: the *number*-th with this method and target, in which the names of one run are general."""

    method: str
    target: str
    number: int

    def __str__(self) -> str:
        return f"{self.method} {self.target} #{self.number}"


class Point(NamedTuple):
    """Where an apply is killed. Its text is what `--point` takes."""

    reference: Reference
    moment: Moment
    call: Call

    def __str__(self) -> str:
        return f"{self.reference.name}: {self.moment.name.lower()} {self.call}"


class Result(NamedTuple):
    """What came of a point. A run that ended before its point was reached proves nothing (`reached`)."""

    point: Point
    reached: bool
    flaws: list[str]


def point_of(text: str) -> Point:
    """The point that is written so. Raises `ValueError` for a text that is none."""
    name, moment, method, rest = text.split(" ", 3)
    target, _, number = rest.rpartition(" #")
    named = {reference.name: reference for reference in REFERENCES}
    try:
        return Point(named[name.rstrip(":")], Moment[moment.upper()], Call(method, target, int(number)))
    except KeyError as error:
        raise ValueError(text) from error


def points_of(reference: Reference, folder: Path, account: LocalAccount, large: Path) -> list[Point]:
    """The points around every call of an apply that nobody disturbs. Raises `AssertionError` where it is not whole."""
    calls = _calls_of_an_apply(reference, folder, account, large)
    return [Point(reference, moment, call) for call in calls for moment in Moment]


def _calls_of_an_apply(reference: Reference, folder: Path, account: LocalAccount, large: Path) -> list[Call]:
    with _workload(reference, folder, account, large) as workload:
        calls: list[Call] = []
        with listening() as wire:
            numbered = _Numbered(workload)
            wire.hooks_reads = True

            def note(moment: Moment, heard: Heard) -> None:
                if moment is Moment.BEFORE:
                    calls.append(numbered.call(heard))

            wire.hook = note
            workload.apply(*_APPROVED, env=wire.environment)
        flaws = list(reference.flaws(look(workload), workload))
        assert not flaws, flaws
    return calls


def try_point(folder: Path, account: LocalAccount, large: Path, point: Point) -> Result:
    """Kills an apply at *point*, looks, plans, applies again, looks again, destroys."""
    with _workload(point.reference, folder, account, large) as workload:
        try:
            reached = _killed_at(workload, point)
            return Result(point, reached, list(_flaws_after(workload, point.reference)))
        except Exception as error:  # whatever it is, it is this point's, and others go on
            return Result(point, True, [f"{type(error).__name__}: {error}"])


@contextmanager
def _workload(reference: Reference, folder: Path, account: LocalAccount, large: Path) -> Iterator[Workload]:
    """A workload in *folder* that is ready to be applied; gone after the block, in the account as on the disk."""
    folder.mkdir()
    making = make_workload(folder, account)
    workload = next(making)
    try:
        reference.prepare(workload, large)
        yield workload
    finally:
        next(making, None)
        shutil.rmtree(folder)


class _Numbered:
    """Numbers the calls of one run by what they are. Used by many threads."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def call(self, heard: Heard) -> Call:
        target = heard.path.replace(self._workload.name, "NAME")
        for names, general in _GENERAL:
            target = names.sub(general, target)
        with self._lock:
            self._seen[heard.method, target] += 1
            return Call(heard.method, target, self._seen[heard.method, target])


def _killed_at(workload: Workload, point: Point) -> bool:
    """Runs an apply that is killed at *point*; False when it ended without having come there."""
    numbered = {moment: _Numbered(workload) for moment in Moment}
    killed = threading.Event()
    carried = _Carried()

    def kill(moment: Moment, heard: Heard) -> None:
        if killed.is_set():
            raise Cut
        if moment is point.moment and numbered[moment].call(heard) == point.call:
            killed.set()
            process.kill()
            process.wait()
            raise Cut

    with listening() as wire:
        wire.hooks_reads = True
        wire.hook = carried.around(kill)
        with workload.started("apply", "specs/ffmpeg.yaml", *_APPROVED, env=wire.environment) as process:
            process.communicate(timeout=120)
        wait_until(lambda: carried.is_empty)  # what was on its way arrives: the dead cannot call it back
    return killed.is_set()


class _Carried:
    """How many requests were passed on to a service that has not answered them yet."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        return self._count == 0

    def around(self, hook: Callable[[Moment, Heard], None]) -> Callable[[Moment, Heard], None]:
        def counted(moment: Moment, heard: Heard) -> None:
            if moment is Moment.AFTER:
                self._add(-1)
            hook(moment, heard)
            if moment is Moment.BEFORE:
                self._add(1)

        return counted

    def _add(self, number: int) -> None:
        with self._lock:
            self._count += number


def _flaws_after(workload: Workload, reference: Reference) -> Iterator[str]:
    """What is wrong from the kill to the end of the next apply, and with what a destroy leaves."""
    then, plan, now = look(workload), planned(workload), look(workload)
    before, after = reference.needed(then, workload), reference.needed(now, workload)
    yield from _flaws_of_plan(plan, before, after, reference.may)
    workload.apply(*_APPROVED)
    whole = look(workload)
    yield from reference.flaws(whole, workload)
    for name, blob in then.inputs.items():
        if whole.inputs[name].md5 == blob.md5 and whole.inputs[name].etag != blob.etag:
            yield f"{name} was uploaded again"
    if again := planned(workload):
        yield f"the plan after it is not empty: {sorted(again)}"
    workload.destroy("--outputs")
    yield from (f"{blob} is left after destroy" for blob in (*workload.inputs(), *workload.blobs("output")))


def _flaws_of_plan(
    plan: set[Action], before: set[Action], after: set[Action], may: frozenset[Action]
) -> Iterator[str]:
    """A plan that was made between two looks: what both need is in it, what neither needs is not."""
    yield from (f"the plan in between lacks {action}" for action in sorted((before & after) - plan))
    yield from (f"the plan in between has {action}" for action in sorted(plan - before - after - may))
