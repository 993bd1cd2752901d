"""The trace for programs: one row for each task, as JSON lines or CSV, in pieces, for there may be a million."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from batchspec.engine.history.trace import Traced, traced_json
from batchspec.ledger.database import lots
from batchspec.render.show import json_text, show

COLUMNS = (
    "group",
    "axes",
    "input",
    "name",
    "state",
    "failure",
    "exitCode",
    "attempts",
    "node",
    "created",
    "started",
    "ended",
    "seconds",
    "inputBytes",
    "outputBytes",
    "id",
)


def trace_json(rows: Iterable[Traced]) -> Iterator[str]:
    """An object on a line of its own for each row."""
    for row in rows:
        yield json_text({"type": "trace", **traced_json(row), "seconds": row.seconds}) + "\n"


def trace_csv(rows: Iterable[Traced]) -> Iterator[str]:
    """A table with a heading; what is not known is an empty field, axes are `name=value name=value`."""
    yield ",".join(COLUMNS) + "\r\n"
    for some in lots(rows):
        text = io.StringIO()
        csv.writer(text).writerows(map(_fields, some))
        yield text.getvalue()


def _fields(row: Traced) -> list[object]:
    found = {**traced_json(row), "seconds": row.seconds}
    found["axes"] = " ".join(f"{name}={value}" for name, value in row.axes.items())
    return [show(value) if isinstance(value, str) else value for value in map(found.get, COLUMNS)]
