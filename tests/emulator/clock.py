"""A clock that a test moves by hand: nothing in the endpoint sleeps or reads the machine's, except through it."""

import asyncio
from collections.abc import Callable

from batchspec.emulator.state.clock import TICKS_PER_S, Clock


class ManualClock(Clock):
    """A clock that a test moves by hand."""

    def __init__(self, start: int | None = None) -> None:
        super().__init__()
        self._time = start if start is not None else super()._read()
        self._listeners: list[Callable[[], None]] = []

    def _read(self) -> int:
        return self._time

    def advance(self, seconds: float) -> None:
        self._time += int(seconds * TICKS_PER_S)
        for listener in self._listeners:
            listener()

    async def wait(self, wake: asyncio.Event, due: int | None) -> None:
        loop = asyncio.get_running_loop()

        def listener() -> None:
            loop.call_soon_threadsafe(wake.set)

        self._listeners.append(listener)
        try:
            if due is None or due > self._time:
                await wake.wait()
        finally:
            self._listeners.remove(listener)
