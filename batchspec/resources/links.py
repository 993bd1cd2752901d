"""How long the links last by which tasks reach their blobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from batchspec.resources.base import Json
from batchspec.resources.equality import duration_s, same_duration
from batchspec.resources.task_fields import NO_LIMIT

LINK_LIFE = timedelta(days=7)
"""How long a link lasts: as long as a user delegation key may (FACTS 7)."""

LONGEST_LINK_LIFE = timedelta(days=90)
"""How long one may last that the account's key signs."""

_TAKEN_OFF = timedelta(hours=2)

LINKS_LAST = LINK_LIFE - _TAKEN_OFF
"""How long after a task was added its links last at the least.

They begin a quarter of an hour in the past, the key that signs them may be an hour old, and the link to the
outputs half an hour.
"""

LINK_MARGIN = timedelta(days=1)
"""A task that waits and whose links last no longer than this gets new ones."""


def has_long_links(job: Json | None) -> bool:
    """Whether the tasks of *job* may go on for longer than links usually last, and so may theirs."""
    return _bound_s(job) > LINK_LIFE.total_seconds()


def life_wanted(job: Json | None) -> timedelta:
    """How long links for the tasks of *job* should last: as long as the job may, if that is longer than usual."""
    if not has_long_links(job):
        return LINK_LIFE
    bound_s = min(_bound_s(job), LONGEST_LINK_LIFE.total_seconds())  # before it is too much for a timedelta
    return min(timedelta(seconds=bound_s) + _TAKEN_OFF, LONGEST_LINK_LIFE)


def end_of(link: str) -> datetime | None:
    """When *link* ends, by its own words; None of a bare address."""
    ends = parse_qs(urlsplit(link).query).get("se")
    return datetime.fromisoformat(ends[0]) if ends else None


def _bound_s(job: Json | None) -> float:
    """Seconds after which *job* is ended; 0 where nothing ends it."""
    bound = ((job or {}).get("constraints") or {}).get("maxWallClockTime") or NO_LIMIT
    return 0.0 if same_duration(bound, NO_LIMIT) else duration_s(bound)
