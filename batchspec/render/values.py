"""Values as people read them: numbers with their unit, the fields of a body, two values side by side."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from batchspec.render.show import show
from batchspec.resources.base import STAMPS, Json, metadata_of

_LONGEST = 66
_LEAD = 20
"""How much of what two long values have in common is shown before the part that differs."""
_MOST_LINES = 8
_IMAGE = "virtualMachineConfiguration.imageReference"


def size_text(size_bytes: int) -> str:
    """A size as people write it: 512 B, 4.7 kB, 41.2 MB."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration_text(seconds: float) -> str:
    """A duration as people say it: 3.1 s, 12 s, 2m 10s, 1h 05m, 2d 03h."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}m {rest:02d}s"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}h" if days else f"{hours}h {minutes:02d}m"


def value_text(value: Any) -> str:
    """A value on one line, whole."""
    return "(none)" if value is None else show(json.dumps(value, ensure_ascii=False))


def value_lines(value: Any) -> list[str]:
    """A value on as many lines as it takes, up to a few: then it ends with what is left."""
    lines = textwrap.wrap(value_text(value), _LONGEST, break_on_hyphens=False, drop_whitespace=False)
    if len(lines) <= _MOST_LINES:
        return lines
    left = sum(map(len, lines[_MOST_LINES:]))
    return [*lines[:_MOST_LINES], f"… {left} more characters"]


def both_texts(before: Any, after: Any) -> tuple[str, str]:
    """Two values that differ, each on one line; of long ones the part where they begin to differ."""
    return text_windows(value_text(before), value_text(after))


def text_windows(one: str, other: str) -> tuple[str, str]:
    """Two texts that differ; of long ones the part where they begin to differ."""
    whole = max(len(one), len(other)) <= _LONGEST
    start = 0 if whole else max(0, _in_common(one, other) - _LEAD)
    return _window(one, start), _window(other, start)


def _in_common(one: str, other: str) -> int:
    """With how many characters both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _window(text: str, start: int) -> str:
    """At most so many characters of *text* from *start* on; an ellipsis where something is left out."""
    lead = "…" if start else ""
    room = _LONGEST - len(lead)
    rest = text[start:]
    return lead + (rest if len(rest) <= room else rest[: room - 1] + "…")


def fields_of(body: Json) -> Iterator[tuple[str, Any]]:
    """The fields of a pool's or a job's body by their paths, as a spec has them: without its id and our stamps."""
    for name, value in body.items():
        if name == "metadata":
            own = {key: text for key, text in metadata_of(body).items() if key not in STAMPS}
            yield from ((f"metadata.{key}", text) for key, text in own.items())
        elif name != "id":
            yield from _leaves(name, value)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if path == _IMAGE and isinstance(value, Mapping) and "publisher" in value:
        yield (
            "image",
            ":".join(str(value[part]) for part in ("publisher", "offer", "sku", "version") if part in value),
        )
    elif isinstance(value, Mapping) and value:
        for name, member in value.items():
            yield from _leaves(f"{path}.{name}", member)
    else:
        yield path, value
