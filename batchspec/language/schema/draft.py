"""A spec in the making, made from what lives in an account: values that cannot stand in it are cut out.

A plan does not look at what was cut: it is named under `ignoreChanges`, each with
the reason beside it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batchspec.document.document import Document
from batchspec.document.parser import parse
from batchspec.document.writer import spec_text
from batchspec.errors import UsageError
from batchspec.language.schema.read_back import required_at
from batchspec.language.schema.secrets import may_be_secret
from batchspec.source import Path, Source, path_text, value_at

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_TOP = 2  # `pool.id`: nothing above it can be cut


class Draft:
    """The values of a spec and what to say beside them. `data` and `remarks` are its own to change."""

    def __init__(self, data: dict[str, Any], notes: Mapping[Path, str]) -> None:
        self.data = data
        self.remarks: dict[Path, list[str]] = {}
        self._notes = notes
        self._ignored: dict[str, list[str]] = {}

    def cut_secrets(self) -> None:
        """Takes out all that may be a secret, the whole value where it stands in the middle of one.

        Raises `UsageError` where no spec can be without it.
        """
        while (found := next(_likely_secrets(self.data, ()), None)) is not None:
            if not self.cut(found, "may hold a secret"):
                raise UsageError(f"{path_text(found)} may hold a secret, and a spec cannot be without it")

    def cut(self, path: Path, why: str) -> bool:
        """Takes out the value at *path*, or what cannot be without it; False when that is all of it.

        In a list the whole item goes. What goes stays as it is in the account.
        """
        if path[0] == "tasks" and len(path) >= _TOP:
            return self._cut_group(str(path[1]), f"{path_text(path[2:]) or 'it'} {why}")
        while len(path) >= _TOP and not self._is_optional(path):
            path = path[:-1]
        if len(path) < _TOP:
            return False
        parent = value_at(self.data, path[:-1])
        cut = parent.pop(path[-1])
        why = f"{_name_of(cut) or path_text(path[1:])} {why}"
        if path[-1] == "jobPreparationTask" and "jobReleaseTask" in parent:
            self.cut((*path[:-1], "jobReleaseTask"), "cannot be without the preparation task")
        if path[1] != "metadata":  # keys that a spec does not have are kept anyway
            self.ignore(path, why)
        if not parent and len(path) > _TOP:
            del value_at(self.data, path[:-2])[path[-2]]
        return True

    def _cut_group(self, name: str, why: str) -> bool:
        """Takes out a group whole: part of a task is another task."""
        del self.data["tasks"][name]
        remark = f"Left out: {name}: {why}."
        self.remarks.setdefault(("tasks",), []).append(remark)
        return True

    def ignore(self, path: Path, why: str) -> None:
        """Has plans pass over *path*, or the list that it stands in."""
        names = []
        for part in path:
            if not isinstance(part, str) or not _FIELD_NAME.fullmatch(part):
                break
            names.append(part)
        reasons = self._ignored.setdefault(".".join(names), [])
        if why not in reasons:
            reasons.append(why)

    def document(self, header: Sequence[str] = ()) -> Document:
        """The spec as it stands, written and parsed."""
        data, notes = dict(self.data), dict(self._notes)
        if self._ignored:
            data["ignoreChanges"] = list(self._ignored)
            notes[("ignoreChanges",)] = "not supported in a spec; plans ignore it"
            notes |= {("ignoreChanges", i): "; ".join(why) for i, why in enumerate(self._ignored.values())}
        return parse(Source("the imported spec", spec_text(data, notes, header, self.remarks)))

    def _is_optional(self, path: Path) -> bool:
        inside_item = any(isinstance(part, int) for part in path[:-1])
        return isinstance(path[-1], int) or (not inside_item and path[-1] not in required_at(path[:-1]))


def _name_of(item: Any) -> str:
    """What a list's item is called, if it says so and the name itself gives nothing away."""
    name = item.get("name", "") if isinstance(item, Mapping) else ""
    return "" if may_be_secret("", name) else name


def _likely_secrets(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping):
        if isinstance(value.get("value"), str) and may_be_secret(str(value.get("name", "")), value["value"]):
            yield path
        for key, member in value.items():
            if isinstance(member, str) and may_be_secret(key, member):
                yield (*path, key)
            yield from _likely_secrets(member, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, str) and may_be_secret("", item):
                yield (*path, i)
            yield from _likely_secrets(item, (*path, i))
