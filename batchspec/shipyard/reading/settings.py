"""A mapping of a configuration file that remembers what was taken from it, so that nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchspec.errors import UsageError
from batchspec.language.rows.agreement import literal


class Settings:
    """Settings by name. What `take` did not ask for is in `left`."""

    def __init__(self, data: object, where: str) -> None:
        self.where = where
        self._data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self._taken: set[str] = set()
        self._inside: dict[str, list[Settings]] = {}

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, name: str, default: Any = None) -> Any:
        """The value of *name*, or *default* where it is not there or null."""
        self._taken.add(name)
        value = self._data.get(name)
        return default if value is None else value

    def text(self, name: str) -> str:
        """The value of *name* as text; "" where there is none."""
        value = self.take(name, "")
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def whole(self, name: str, default: int = 0) -> int:
        """The value of *name* as a whole number. Raises `UsageError` for anything else."""
        value = self.take(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise UsageError(f"{self.where}.{name}: {value!r} is not a whole number") from None

    def values(self, name: str) -> list[Any]:
        """The values of a list, or the characters of a text. Raises `UsageError` for anything else."""
        return iterable(self.take(name, []), f"{self.where}.{name}")

    def texts(self, name: str) -> list[str]:
        """The values of a list as texts."""
        value = self.take(name, [])
        return [str(item) for item in value] if isinstance(value, list) else []

    def pairs(self, name: str) -> dict[str, str]:
        """The values of a mapping as texts of a spec, where two braces would begin a placeholder."""
        value = self.take(name, {})
        return (
            {str(key): literal(str(item)) for key, item in value.items()}
            if isinstance(value, Mapping)
            else {}
        )

    def inside(self, name: str) -> Settings:
        """The settings below *name*; without any where it is no mapping."""
        if name not in self._inside:
            self._inside[name] = [Settings(self._data.get(name), f"{self.where}.{name}")]
        return self._inside[name][0]

    def each(self, name: str) -> list[Settings]:
        """The settings of each item of the list *name*."""
        if name not in self._inside:
            value = self._data.get(name)
            items = value if isinstance(value, list) else []
            self._inside[name] = [Settings(item, f"{self.where}.{name}[{n}]") for n, item in enumerate(items)]
        return self._inside[name]

    def names(self) -> list[str]:
        return [str(name) for name in self._data]

    def says(self, name: str) -> Any:
        """The value of *name*, which is left for others to take."""
        return self._data.get(name)

    def left(self) -> Iterator[str]:
        """Where each setting stands that nobody took: as a whole where all of it is left.

        One that says nothing is passed over.
        """
        for name, value in self._data.items():
            if value in (None, False, [], {}, ""):
                continue
            inner = self._inside.get(name, [])
            if any(settings._is_touched() for settings in inner):
                for settings in inner:
                    yield from settings.left()
            elif name not in self._taken:
                yield f"{self.where}.{name}"

    def _is_touched(self) -> bool:
        return bool(self._taken) or any(s._is_touched() for inner in self._inside.values() for s in inner)


def iterable(value: object, where: str) -> list[Any]:
    """What Python's `itertools`, which Batch Shipyard handed it to, made of *value*. Raises `UsageError`."""
    if not isinstance(value, (list, str)):
        raise UsageError(f"{where}: {value!r} is neither a list nor a text")
    return list(value)
