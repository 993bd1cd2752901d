"""Outputs that are kept in two places, for people and for other tasks; and those that are kept for other tasks only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from batchspec.desired.artifacts.listings import read_listing, spread_of
from batchspec.desired.places import Places
from batchspec.engine.run.downloads import unpack
from batchspec.engine.run.downloads.download import landing_of, prune
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.sending.send_all import SINGLE_SLOW_S, send_all
from batchspec.ledger.database import Rows
from batchspec.plan.model import Copy
from batchspec.plan.verdicts.flow import RUNS
from batchspec.resources.records import COPY_METADATA

_T = TypeVar("_T")

# Temporary outputs all of whose readers have what they were read for: up to date before, or ended well in this run.
# Two halves, since `output` is what storage had when the plan was made: those that were there then, and those that
# this run has made. What tasks of a later round will be made of (`unknown`) has readers that nobody knows yet.
_SERVED = """
SELECT made.name, makes.is_spread
FROM makes JOIN task ON task.number = makes.task JOIN output made ON made.name = makes.made
WHERE makes.blob IS NULL AND makes.task NOT IN (SELECT root FROM unknown) AND NOT EXISTS (
  SELECT 1 FROM edge JOIN verdict ON verdict.number = edge.task
  LEFT JOIN followed ON followed.number = edge.task AND followed.failure = ''
  WHERE edge.producer = makes.task AND verdict.verdict <> 'UP_TO_DATE' AND followed.id IS NULL)
UNION
SELECT makes.made, makes.is_spread FROM makes JOIN followed ON followed.number = makes.task AND followed.failure = ''
WHERE makes.blob IS NULL AND makes.task NOT IN (SELECT root FROM unknown) AND NOT EXISTS (
  SELECT 1 FROM edge JOIN verdict ON verdict.number = edge.task
  LEFT JOIN followed reader ON reader.number = edge.task AND reader.failure = ''
  WHERE edge.producer = makes.task AND verdict.verdict <> 'UP_TO_DATE' AND reader.id IS NULL)
"""

_PUBLISHED = """
SELECT makes.blob, makes.listed FROM makes JOIN followed ON followed.number = makes.task AND followed.failure = ''
WHERE makes.is_published
"""

# Of the tasks that run: what they made before and need not make again. Of those whose present work was done before,
# and is copied over what other work made since: what that work did not make.
_FORMER = f"""
SELECT makes.blob, makes.is_folder FROM makes JOIN verdict ON verdict.number = makes.task AND {RUNS}
JOIN output ON output.name = makes.blob AND output.fingerprint IS NOT NULL
WHERE makes.is_optional
UNION ALL
SELECT makes.blob, makes.is_folder FROM makes JOIN task ON task.number = makes.task
JOIN output ON output.name = makes.blob AND output.fingerprint <> task.fingerprint
WHERE makes.is_optional AND makes.task IN (SELECT task FROM copy)
  AND makes.blob NOT IN (SELECT target FROM copy)
"""


def copy_outputs(conduct: Conduct) -> None:
    """Every output of work that is up to date lies wherever somebody looks for it."""
    blobs, container = conduct.account.blobs, conduct.spec.containers.output

    def copy(found: Copy) -> None:
        conduct.check()
        blobs.copy(container, found.source, found.target, conduct.check)

    _send_all(conduct, conduct.plan.work.copies, copy)


def remove_former(conduct: Conduct) -> None:
    """Optional outputs of tasks that run are gone, here too: else one of earlier work would lie beside the new ones.

    That is before anything else is there of the new work, so that it is so wherever the run is cut off.
    """
    if not (conduct.plan.work.runs or conduct.plan.work.copies):
        return
    landing = landing_of(conduct.spec, conduct.plan) if conduct.spec.download is not None else None

    def remove(former: tuple[str, bool]) -> None:
        blob, is_folder = former
        _delete(conduct, conduct.spec.containers.output, blob)
        if landing is not None and is_folder:
            unpack.remove(landing.unpacked(blob))
        elif landing is not None:
            prune(landing, blob)

    found = Rows(conduct.desired.tasks.database, _FORMER, lambda row: (str(row[0]), bool(row[1])))
    _send_all(conduct, found, remove)


def remove_temporary(conduct: Conduct) -> None:
    """Deletes the temporary outputs that no task needs any more: nothing runs again for that."""
    if not any(group.temporary for group in conduct.spec.groups):
        return
    places = Places.of(conduct.spec)
    database = conduct.desired.tasks.database
    served = Rows(database, _SERVED, lambda row: (str(row[0]), bool(row[1])))
    _send_all(conduct, served, partial(_remove_served, conduct, places.output))


def remove_unpublished(conduct: Conduct) -> None:
    """No published folder has a file that its pack no longer has: of earlier work, or of a try that was cut off."""
    container = conduct.spec.containers.output
    _send_all(conduct, conduct.plan.work.unpublished, partial(_delete, conduct, container))
    found = Rows(conduct.desired.tasks.database, _PUBLISHED, lambda row: (str(row[0]), str(row[1])))
    for blob, listed in found:
        text = conduct.account.blobs.read(container, listed)
        names = {part.name for part in read_listing((text or b"").decode("utf-8", "surrogateescape"))}
        prefix = spread_of(blob)
        for live in conduct.account.blobs.list(container, prefix) if text is not None else ():
            if COPY_METADATA in live.metadata and live.name.removeprefix(prefix) not in names:
                _delete(conduct, container, live.name)


def _remove_served(conduct: Conduct, container: str, served: tuple[str, bool]) -> None:
    """The pack goes first: a folder without it is known to have lost its files, while its list says which they were."""
    made, is_spread = served
    _delete(conduct, container, made)
    for blob in conduct.account.blobs.list(container, spread_of(made)) if is_spread else ():
        _delete(conduct, container, blob.name)


def _delete(conduct: Conduct, container: str, blob: str) -> None:
    conduct.check()
    conduct.account.blobs.delete(container, blob)


def _send_all(conduct: Conduct, values: Iterable[_T], send: Callable[[_T], None]) -> None:
    send_all(values, send, slow_s=SINGLE_SLOW_S, most=conduct.account.offer.blob_calls)
