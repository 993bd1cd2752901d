"""`$filter` and `$select` of the service's grammar.

A filter is parsed once and then becomes a piece of SQL (tasks) or a test of a body (everything else). Which properties
and operators each list takes is the service's own table ("OData filters in Azure Batch").
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from batchspec.emulator.state.clock import parse_time
from batchspec.emulator.state.errors import ApiError

Value = str | int | bool


class Compare(NamedTuple):
    name: str
    operator: str  # eq ne gt ge lt le startswith
    value: Value


class Both(NamedTuple):
    left: "Filter"
    right: "Filter"


class Either(NamedTuple):
    left: "Filter"
    right: "Filter"


Filter = Compare | Both | Either

_ORDER = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_SAME = frozenset({"eq", "ne"})
_TEXT = _ORDER | {"startswith"}
_TIMES = {"stateTransitionTime": _ORDER, "creationTime": _ORDER, "lastModified": _ORDER}

_JOBS_OF_SCHEDULE = {
    "state": _SAME,
    **_TIMES,
    "executionInfo/startTime": _ORDER,
    "executionInfo/endTime": _ORDER,
    "executionInfo/poolId": _TEXT,
}
_RUN = {
    "state": frozenset({"eq"}),
    "startTime": _ORDER,
    "endTime": _ORDER,
    "exitCode": _ORDER,
    "result": _SAME,
}
FILTERS: dict[str, dict[str, frozenset[str]]] = {
    "list_supported_images": {"osType": _SAME, "verificationType": _SAME, "nodeAgentSKUId": _SAME},
    "list_nodes": {
        "state": _SAME,
        "stateTransitionTime": _ORDER,
        "lastBootTime": _ORDER,
        "allocationTime": _ORDER,
        **{f"startTaskInfo/{name}": operators for name, operators in _RUN.items()},
    },
    "list_pool_node_counts": {"poolId": frozenset({"eq"})},
    "list_task_files": {"name": frozenset({"startswith"})},
    "list_node_files": {"name": frozenset({"startswith"})},
    "list_jobs_from_schedule": _JOBS_OF_SCHEDULE,
    "list_jobs": {"id": _TEXT, **_JOBS_OF_SCHEDULE},
    "list_job_schedules": {
        "id": _TEXT,
        "state": _SAME,
        **_TIMES,
        "executionInfo/endTime": _ORDER,
        "schedule/doNotRunUntil": _ORDER,
        "schedule/doNotRunAfter": _ORDER,
    },
    "list_pools": {
        "id": _TEXT,
        "state": _SAME,
        **_TIMES,
        "allocationState": _SAME,
        "allocationStateTransitionTime": _ORDER,
        "enableAutoScale": _SAME,
        "vmSize": _SAME,
        "enableInterNodeCommunication": _SAME,
    },
    "list_job_preparation_and_release_task_status": {
        "poolId": _SAME,
        "nodeId": _SAME,
        **{f"jobPreparationTaskExecutionInfo/{name}": operators for name, operators in _RUN.items()},
        **{f"jobReleaseTaskExecutionInfo/{name}": operators for name, operators in _RUN.items()},
    },
    "list_tasks": {
        "id": _TEXT,
        "state": _SAME,
        **_TIMES,
        "lastModifiedTime": _ORDER,
        "executionInfo/startTime": _ORDER,
        "executionInfo/endTime": _ORDER,
        "executionInfo/exitCode": _ORDER,
        "executionInfo/result": _SAME,
    },
    "list_pool_usage_metrics": {"poolId": _TEXT - {"ne"}},
}

_TOKEN = re.compile(
    r"""\s*(?:(?P<time>DateTime'(?P<moment>[^']*)')|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_/]*)|(?P<mark>[(),]))""",
    re.IGNORECASE,
)


def parse_filter(text: str, operation: str) -> Filter:
    """The filter as a tree; `ApiError` for a wrong word, property or operator."""
    return _Parser(text, FILTERS.get(operation, {})).parse()


class _Parser:
    def __init__(self, text: str, allowed: Mapping[str, frozenset[str]]) -> None:
        self.text = text
        self.allowed = allowed
        self.tokens = self._tokens()
        self.place = 0

    def parse(self) -> Filter:
        found = self._either()
        if self.place != len(self.tokens):
            raise self._wrong(f"Syntax error near '{self.tokens[self.place][1]}'")
        return found

    def _tokens(self) -> list[tuple[str, Any]]:
        tokens: list[tuple[str, Any]] = []
        at = 0
        text = self.text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                raise self._wrong(f"Syntax error at position {at}")
            at = found.end()
            if found["time"]:
                try:
                    tokens.append(("value", parse_time(found["moment"])))
                except ValueError:
                    raise self._wrong(f"Unrecognized literal {found['time']}") from None
            elif found["text"] is not None:
                tokens.append(("value", found["text"][1:-1].replace("''", "'")))
            elif found["number"]:
                tokens.append(("value", int(found["number"])))
            elif found["mark"]:
                tokens.append((found["mark"], found["mark"]))
            else:
                tokens.append(("word", found["word"]))
        return tokens

    def _next(self, kind: str) -> Any:
        if self.place < len(self.tokens) and self.tokens[self.place][0] == kind:
            self.place += 1
            return self.tokens[self.place - 1][1]
        raise self._wrong("Syntax error: the expression is incomplete")

    def _word(self, word: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place] == ("word", word):
            self.place += 1
            return True
        return False

    def _either(self) -> Filter:
        found = self._both()
        while self._word("or"):
            found = Either(found, self._both())
        return found

    def _both(self) -> Filter:
        found = self._one()
        while self._word("and"):
            found = Both(found, self._one())
        return found

    def _one(self) -> Filter:
        if self.place < len(self.tokens) and self.tokens[self.place][0] == "(":
            self.place += 1
            found = self._either()
            self._next(")")
            return found
        if self._word("startswith"):
            self._next("(")
            name = self._next("word")
            self._next(",")
            value = self._next("value")
            self._next(")")
            return self._compare(name, "startswith", value)
        name = self._next("word")
        return self._compare(name, self._next("word"), self._value())

    def _value(self) -> Value:
        for word in (True, False):
            if self._word(str(word).lower()):
                return word
        value: Value = self._next("value")
        return value

    def _compare(self, name: str, operator: str, value: Value) -> Compare:
        if name not in self.allowed:
            raise self._wrong(f"The property '{name}' cannot be used in a filter")
        if operator not in self.allowed[name]:
            raise self._wrong(f"The operator '{operator}' cannot be used with the property '{name}'")
        if _kind(name) is not type(value):
            raise self._wrong(f"The value given for the property '{name}' is of the wrong type")
        return Compare("lastModified" if name == "lastModifiedTime" else name, operator, value)

    def _wrong(self, reason: str) -> ApiError:
        return ApiError(
            "InvalidQueryParameterValue",
            ("QueryParameterName", "$filter"),
            ("QueryParameterValue", self.text[:512]),
            ("Reason", reason),
        )


def _kind(name: str) -> type:
    last = name.rpartition("/")[2]
    if last.startswith("enable"):
        return bool
    if last.endswith("Time") or last in ("lastModified", "doNotRunUntil", "doNotRunAfter", "exitCode"):
        return int
    return str


def as_sql(
    tree: Filter, columns: Mapping[str, str], codes: Mapping[str, Mapping[str, int]]
) -> tuple[str, list[Value]]:
    """A condition and its parameters. *codes* turn the words of a column into the numbers it stores."""
    if isinstance(tree, Both | Either):
        left, left_values = as_sql(tree.left, columns, codes)
        right, right_values = as_sql(tree.right, columns, codes)
        return f"({left} {'AND' if isinstance(tree, Both) else 'OR'} {right})", left_values + right_values
    column, value = columns[tree.name], tree.value
    if tree.operator == "startswith":
        escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{column} LIKE ? ESCAPE '\\'", [escaped + "%"]
    if tree.name in codes:
        value = codes[tree.name].get(str(value).lower(), -1)
    sign = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}[tree.operator]
    return f"{column} {sign} ?", [value]


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "startswith": lambda a, b: a.startswith(b),
}


def matches(tree: Filter, body: Mapping[str, Any]) -> bool:
    """Whether a body passes; a property that it does not have passes only `ne`."""
    if isinstance(tree, Both):
        return matches(tree.left, body) and matches(tree.right, body)
    if isinstance(tree, Either):
        return matches(tree.left, body) or matches(tree.right, body)
    found: Any = body
    for part in tree.name.split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    value = tree.value
    if isinstance(value, int) and isinstance(found, str):
        found = parse_time(found)
    if isinstance(value, str) and isinstance(found, str):
        found, value = found.lower(), value.lower()
    if tree.operator == "ne":
        return bool(found != value)
    return found is not None and _TESTS[tree.operator](found, value)


def select(body: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """Only the properties asked for; `executionInfo/exitCode` asks for the one inside."""
    if names is None:
        return dict(body)
    found, inner = {}, _inner(names)
    for key, value in body.items():
        if key in names:
            found[key] = value
        elif key in inner and isinstance(value, Mapping):
            found[key] = {name: item for name, item in value.items() if name in inner[key]}
    return found


@lru_cache(maxsize=64)
def _inner(names: frozenset[str]) -> dict[str, set[str]]:
    """Of each property of which only what is inside is asked for: which of that."""
    found: dict[str, set[str]] = {}
    for key, slash, name in (one.partition("/") for one in names):
        if slash:
            found.setdefault(key, set()).add(name)
    return found
