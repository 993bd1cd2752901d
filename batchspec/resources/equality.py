"""When two values of a field are the same to Batch, though they are written differently.

Source: recorded answers of the service, 2022 to 2026; FACTS 0.2, 1.1, 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchspec.patterns import lazy_regex

Same = Callable[[Any, Any], bool]


def exact(one: Any, other: Any) -> bool:
    return bool(one == other)


def caseless(one: Any, other: Any) -> bool:
    """Enum values, ids and VM sizes come back in another case than they were sent (FACTS 0.2, 3.1)."""
    return str(one).casefold() == str(other).casefold()


_DURATION = lazy_regex(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def duration_s(text: str) -> float:
    """Seconds of an ISO 8601 duration in days and smaller. Raises ValueError for any other text."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT15M or P1DT2H")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


_TICK_S = 1e-7  # what the service counts durations in; it drops what is finer


def same_duration(one: Any, other: Any) -> bool:
    """The service rewrites durations: PT06M00S comes back as PT6M (FACTS 1.1)."""
    try:
        return abs(duration_s(str(one)) - duration_s(str(other))) <= _TICK_S
    except ValueError:
        return exact(one, other)


def same_url(one: Any, other: Any) -> bool:
    """A signature is not part of what a URL names: every run mints a new one. Any other query is."""
    if any("sig=" in str(url).partition("?")[2] for url in (one, other)):
        one, other = (str(url).partition("?")[0] for url in (one, other))
    return exact(one, other)


def never_compared(_one: Any, _other: Any) -> bool:
    """A secret: the service never returns it, so nothing can be said about it."""
    return True


def as_created(_one: Any, _other: Any) -> bool:
    """What a resource keeps from its creation, and is used with as it is: a difference is no reason for another one."""
    return True
