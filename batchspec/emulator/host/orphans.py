"""Processes that are known by more than a number: pid, start time and words of their command line.

A pid alone may belong to somebody else by the time it is read again, after a crash or a reboot.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

_SAME_START_S = 1.0  # the kernel counts in hundredths, the boot time beneath it may be set by a second


def started(pid: int) -> float:
    """When the process *pid* started, in seconds since 1970. Raises psutil.NoSuchProcess."""
    return float(psutil.Process(pid).create_time())


def find(record: Mapping[str, object], *words: str) -> psutil.Process | None:
    """The living process of *record* (`pid`, `started`) whose command line has all *words* in it."""
    pid, start = record.get("pid"), record.get("started")
    if not isinstance(pid, int) or not isinstance(start, float | int):
        return None
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - start) > _SAME_START_S or process.status() == psutil.STATUS_ZOMBIE:
            return None
        line = process.cmdline()
    except psutil.Error:
        return None
    return process if all(any(word in part for part in line) for word in words) else None


def find_by_line(program: str, argument: str) -> psutil.Process | None:
    """A process of this user that runs *program* (the end of a path) with the whole *argument*.

    For one that was started and not yet recorded when its parent was killed. *argument* has
    to be ours alone, like the path of our own folder.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline()
            ours = process.uids().real == os.getuid()
            if ours and argument in line and any(part.endswith(program) for part in line):
                return process
    return None


def end(process: psutil.Process, grace_s: float) -> bool:
    """*process* is gone; False when it had to be killed after *grace_s* seconds."""
    try:
        process.terminate()
        if _gone_within(process, grace_s):
            return True
        process.kill()
    except psutil.NoSuchProcess:
        return True
    _gone_within(process, grace_s)
    return False


def _gone_within(process: psutil.Process, wait_s: float) -> bool:
    """Whether *process* ends in time. A zombie has ended: its parent may never ask for it."""
    until = time.monotonic() + wait_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
