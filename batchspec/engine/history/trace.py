"""The trace: a row for each task of a run, with how it ran. Rows lie on disk, for there may be a million."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from batchspec.ledger import tables
from batchspec.ledger.database import Database, Rows
from batchspec.resources.task import CANCELLED, NOT_RUN, read_id

T = TypeVar("T")

_LARGEST = 2**63 - 1
SUCCEEDED, FAILED, RUNNING, WAITING = "succeeded", "failed", "running", "waiting"


def end_state(failure: str) -> str:
    """How a task has ended whose failure is this; empty: it succeeded."""
    if failure == CANCELLED:
        return CANCELLED
    return NOT_RUN if failure.startswith(NOT_RUN) else FAILED if failure else SUCCEEDED


class Traced(NamedTuple):
    """How a task ran. `attempts` counts all its starts, those that the service made again by itself too.

    What is not known is None: times of what never began, bytes of what no run has watched to its end.
    """

    id: str
    name: str
    group: str
    input: str | None
    axes: Mapping[str, str]
    state: str
    failure: str
    exit_code: int | None
    attempts: int
    node: str | None
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    input_bytes: int | None = None
    output_bytes: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long its last try took."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()


def traced_json(row: Traced) -> dict[str, Any]:
    """*row* for programs."""
    return {
        "id": row.id,
        "name": row.name,
        "group": row.group,
        "axes": dict(row.axes),
        "input": row.input,
        "state": row.state,
        "failure": row.failure,
        "exitCode": row.exit_code,
        "attempts": row.attempts,
        "node": row.node,
        "created": row.created and row.created.isoformat(),
        "started": row.started and row.started.isoformat(),
        "ended": row.ended and row.ended.isoformat(),
        "inputBytes": row.input_bytes,
        "outputBytes": row.output_bytes,
    }


def read_traced(found: Mapping[str, Any]) -> Traced:
    """What `traced_json` wrote. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
    return Traced(
        id=_text(found["id"]),
        name=_text(found["name"]),
        group=_text(found["group"]),
        input=_optional(_text, found["input"]),
        axes={_text(name): _text(value) for name, value in found["axes"].items()},
        state=_text(found["state"]),
        failure=_text(found["failure"]),
        exit_code=_optional(_count, found["exitCode"]),
        attempts=_count(found["attempts"]),
        node=_optional(_text, found["node"]),
        created=read_moment(found["created"]),
        started=read_moment(found["started"]),
        ended=read_moment(found["ended"]),
        input_bytes=_optional(_count, found["inputBytes"]),
        output_bytes=_optional(_count, found["outputBytes"]),
    )


def read_moment(text: Any) -> datetime | None:
    """The moment that is *text*, in UTC where it does not say another zone."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _optional(make: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else make(value)


def _text(value: Any) -> str:
    """*value*; JSON may have halves of a character, which no database takes."""
    return str(value).encode(errors="replace").decode()


def _count(value: Any) -> int:
    """*value*, which is no larger than a database takes."""
    number = int(value)
    if abs(number) > _LARGEST:
        raise ValueError(f"{number} is too large")
    return number


_PLACES = ", ".join(f"?{number}" for number in range(1, 17))


class Trace:
    """The tasks of one or more runs, each once: as its last attempt ran."""

    def __init__(self) -> None:
        self.database = Database()
        tables.trace(self.database)

    def add(self, rows: Iterable[Traced]) -> None:
        """Adds *rows*; one of a task that is there already takes its place."""
        self.database.fill(f"INSERT OR REPLACE INTO traced VALUES ({_PLACES})", map(_stored, rows))

    def add_newer(self, rows: Iterable[Traced]) -> None:
        """Adds those of *rows* that are later attempts than what is there of their tasks.

        What never began is in a record without times, and with the reason: the job says only that it waits.
        """
        # Moments compare two attempts, for the ids of different work do not say which came later.
        never = f"id = ?2 AND created IS NULL AND state IN ('{NOT_RUN}', '{CANCELLED}') AND ?13 IS NULL"
        there = f"SELECT 1 FROM traced WHERE key = ?1 AND (created >= ?12 OR {never})"
        added = f"INSERT OR REPLACE INTO traced SELECT {_PLACES} WHERE NOT EXISTS ({there})"
        self.database.fill(added, map(_stored, rows))

    @property
    def rows(self) -> Rows[Traced]:
        """All of them, in the order in which they began; what never did comes last."""
        return self.where("1")

    def where(self, condition: str, order: str = "started IS NULL, started, name") -> Rows[Traced]:
        """Those that a *condition* of SQL holds for."""
        query = f"SELECT * FROM traced WHERE {condition} ORDER BY {order}"
        return Rows(self.database, query, _traced)

    @property
    def unfinished(self) -> int:
        """How many wait or run."""
        return int(self.database.one("SELECT count(*) FROM traced WHERE state IN ('waiting', 'running')")[0])

    @property
    def began(self) -> datetime | None:
        """When the first one was added."""
        return _moment(self.database.one("SELECT min(created) FROM traced")[0])

    def reasons(self) -> Iterator[tuple[str, int]]:
        """Why tasks failed, and how many of each; the most frequent first."""
        query = (
            "SELECT failure, count(*) FROM traced WHERE state IN ('failed', 'not run')"
            " GROUP BY failure ORDER BY 2 DESC, 1"
        )
        return self.database.rows(query)

    def failed_for(self, reason: str) -> Rows[Traced]:
        """The tasks that failed for *reason*, in the order of their names."""
        return Rows(self.database, "SELECT * FROM traced WHERE failure = ? ORDER BY name", _traced, (reason,))

    def __iter__(self) -> Iterator[Traced]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def _stored(row: Traced) -> tuple[object, ...]:
    said = read_id(row.id)
    moments = (moment and moment.timestamp() for moment in (row.created, row.started, row.ended))
    texts = (row.id, row.name, row.group, row.input, json.dumps(dict(row.axes)), row.state, row.failure)
    sizes = (row.input_bytes, row.output_bytes)
    return (said.key if said else row.id, *texts, row.exit_code, row.attempts, row.node, *moments, *sizes)


def _traced(row: tuple[Any, ...]) -> Traced:
    _, id, name, group, input, axes, state, failure, exit_code, attempts, node, *rest = row
    created, started, ended = map(_moment, rest[:3])
    return Traced(
        id, name, group, input, json.loads(axes), state, failure, exit_code, attempts, node,
        created, started, ended, *rest[3:],
    )  # fmt: skip


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
