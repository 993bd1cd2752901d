"""The loop that moves an account on: what is due, and then the scheduler's step, one after the other.

Everything but the tries of tasks happens in its thread, so nothing of the account takes a lock.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from batchspec.emulator.node.process import Run
from batchspec.emulator.state.clock import TICKS_PER_S, Clock, Timers
from batchspec.emulator.state.disk import Disk

_AGAIN_S = 2.0
_Result = TypeVar("_Result")

log = logging.getLogger("batchspec.emulator")


class Loop:
    """Before `start` actions can be put off, but none is done."""

    def __init__(self, clock: Clock, disk: Disk) -> None:
        self.timers = Timers()
        self._clock = clock
        self._disk = disk
        self._threads = ThreadPoolExecutor(max_workers=512, thread_name_prefix="task")
        self._runs: set[Run] = set()
        self._wake = asyncio.Event()
        self._events: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def begin(self) -> None:
        """From now on it is the present event loop's; tries may be started."""
        self._events = asyncio.get_running_loop()
        self._wake = asyncio.Event()

    def start(self, step: Callable[[], None]) -> None:
        """From now on *step* is done whenever something has happened."""
        self._task = asyncio.create_task(self._main(step))

    async def stop(self) -> None:
        """No process of ours is left. Tasks that ran stay `running` in the state and run again next time."""
        self._closing = True
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for run in list(self._runs):
            run.stop("shutdown")
        await asyncio.to_thread(self._threads.shutdown)

    @property
    def has_runs(self) -> bool:
        """Whether a try is under way."""
        return bool(self._runs)

    async def _main(self, step: Callable[[], None]) -> None:
        while True:
            now = self._clock.now()  # what is put off by nothing comes after others have had their turn
            while action := self.timers.pop_due(now):
                self._do(action)
            self._do(step)
            await self._clock.wait(self._wake, self.timers.next_due())
            self._wake.clear()

    def _do(self, action: Callable[[], None]) -> None:
        """The loop outlives a fault in one step; where the disk was full, the step is done again."""
        try:
            action()
        except Exception as error:
            log.exception("a step of the account failed")
            if self._disk.note(error):
                self.later(_AGAIN_S, action)

    def wake(self) -> None:
        self._wake.set()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """*action* is done by the loop, never before the present call has returned."""
        self.timers.add(self._clock.now() + int(seconds * TICKS_PER_S), action)
        self.wake()

    def perform(self, action: Callable[[], _Result], run: Run, done: Callable[[_Result], None]) -> None:
        """*action* is done in a thread; *done* gets its result in the loop. What it runs, *run* ends."""
        events = self._events
        assert events is not None  # noqa: S101 (nothing is done before `begin`)
        self._runs.add(run)

        def finish(result: _Result) -> None:
            self._runs.discard(run)
            if self._closing:
                return
            try:
                done(result)
            except Exception as error:  # the disk may be full: told again, until it can be written down
                log.exception("the end of a try could not be noted")
                self._disk.note(error)
                self.later(_AGAIN_S, functools.partial(finish, result))
            self.wake()

        def in_thread() -> None:
            result = action()
            if not self._closing:
                events.call_soon_threadsafe(finish, result)

        self._threads.submit(in_thread)

    def in_thread(self, action: Callable[[], None]) -> None:
        """Slow work with files, out of the loop's way."""
        self._threads.submit(action)
