"""Lengths of time: Batch Shipyard's `d.HH:mm:ss` to ISO 8601."""

from __future__ import annotations

import re

from batchspec.errors import UsageError

_TIME = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?")


def iso_duration(text: str, where: str) -> str:
    """`1.12:00:00` as `P1DT12H`. Raises `UsageError` naming *where* for what is no time."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{where}: {text!r} is not a duration", help="for example 1.12:00:00 or 02:00:00")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    if not days and not time:
        return "PT0S"
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")
