"""Values to the YAML text of a spec: for people to read, and the same values when it is parsed again.

Short collections are written on one line, long command lines folded, scripts
and formulas as blocks. What does not print is escaped, so that text of a foreign
account does nothing to the terminal it is shown on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from batchspec.patterns import lazy_regex
from batchspec.source import Path

_WIDTH = 100
_MOST_ON_A_LINE = 4  # values in a mapping that is written on one line
_PLAIN = lazy_regex(r"[A-Za-z_/][A-Za-z0-9_./+@%=~:-]*(?: [A-Za-z0-9_./+@%=~-]+)*")
_PLAIN_IN_FLOW = lazy_regex(r"[A-Za-z_/][A-Za-z0-9_./+@%~-]*")
# Words that YAML, of one version or another, does not read as text.
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def spec_text(
    data: Mapping[str, Any],
    notes: Mapping[Path, str],
    header: Sequence[str] = (),
    remarks: Mapping[Path, Sequence[str]] | None = None,
) -> str:
    """The text of a spec. *notes* are comments, by the path of the value they stand beside; *header* stands above all.

    *remarks* are comments above the entry of a mapping, a line each. *data* holds what JSON can hold.
    """
    lines = [f"# {_printable(line)}".rstrip() for line in header]
    for key, value in data.items():
        if isinstance(value, (Mapping, list)):
            lines.append("")
        lines += _Writer(notes, remarks or {}).entry(_key(key), value, (key,), 0)
    return "\n".join([*lines, ""])


class _Writer:
    def __init__(self, notes: Mapping[Path, str], remarks: Mapping[Path, Sequence[str]]) -> None:
        self._notes = notes
        self._remarks = remarks

    def entry(self, lead: str, value: Any, path: Path, indent: int) -> Iterator[str]:
        """The lines of `lead: value`; *lead* stands at column *indent*, and what is below it two further."""
        for remark in self._remarks.get(path, ()):
            yield from (" " * indent + f"# {line}" for line in _wrapped(_printable(remark), _WIDTH - indent))
        start, note = " " * indent + lead + ":", self._note(path)
        if isinstance(value, (Mapping, list)):
            is_short = not value or (len(path) > 1 and not self._has_notes(path))
            flow = _flow(value) if is_short else None
            if flow is not None and len(start) + len(flow) < _WIDTH:
                yield f"{start} {flow}{note}"
            else:
                yield start + note
                yield from self._block(value, path, indent + 2)
        elif isinstance(value, str) and (block := _block_scalar(value, indent)):
            yield f"{start} {block[0]}{note}"
            yield from (f"{' ' * (indent + 2)}{line}".rstrip() for line in block[1:])
        else:
            yield f"{start} {_scalar(value)}{note}"

    def _block(self, value: Any, path: Path, indent: int) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, member in value.items():
                yield from self.entry(_key(key), member, (*path, key), indent)
            return
        for i, item in enumerate(value):
            yield from self._item(item, (*path, i), indent)

    def _item(self, item: Any, path: Path, indent: int) -> Iterator[str]:
        flow = _scalar(item) if not isinstance(item, (Mapping, list)) else _flow(item)
        dash = " " * indent + "- "
        if flow is not None and (not isinstance(item, Mapping) or len(dash) + len(flow) < _WIDTH):
            yield f"{dash}{flow}{self._note(path)}"
            return
        first, *rest = self._block(item, path, indent + 2)
        yield dash + first.lstrip()
        yield from rest

    def _note(self, path: Path) -> str:
        return f" # {_printable(self._notes[path])}" if path in self._notes else ""

    def _has_notes(self, path: Path) -> bool:
        """Whether there is something to say of the value at *path*, or below it."""
        return any(other[: len(path)] == path for other in (*self._notes, *self._remarks))


def _flow(value: Any) -> str | None:
    """*value* on one line; None for what reads better on several."""
    if isinstance(value, Mapping):
        members = [_flow(member) for member in value.values()]
        if len(members) > _MOST_ON_A_LINE or None in members:
            return None
        if not members:
            return "{}"
        return (
            "{ " + ", ".join(f"{_key(key)}: {text}" for key, text in zip(value, members, strict=True)) + " }"
        )
    if isinstance(value, list):
        if any(isinstance(item, (Mapping, list)) for item in value):
            return None
        return "[" + ", ".join(_scalar(item, in_flow=True) for item in value) + "]"
    return None if isinstance(value, str) and "\n" in value else _scalar(value, in_flow=True)


def _key(key: str) -> str:
    return _scalar(key, in_flow=True)


def _scalar(value: Any, *, in_flow: bool = False) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return str(value)
    plain = _PLAIN_IN_FLOW if in_flow else _PLAIN
    if plain.fullmatch(value) and not value.endswith(":") and value.lower() not in _WORDS:
        return value
    return '"' + "".join(_ESCAPES.get(character) or _escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xD800 <= number < 0xE000:
        return "\\uFFFD"  # half a pair, which no file can hold
    if character.isprintable():
        return character
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


def _block_scalar(text: str, indent: int) -> list[str] | None:
    """A block's head and its lines, for a script or a text too long for one line; None for any other."""
    lines = text.split("\n")
    if len(lines) == 1:
        if (
            len(text) + indent < _WIDTH - 20
            or not text.isprintable()
            or text != text.strip()
            or text[0] == "#"
        ):
            return None
        folded = _folded(text, _WIDTH - indent - 2)
        return [">-", *folded] if len(folded) > 1 else None
    *body, last = lines
    kept = body if last == "" else lines
    fits = all(line.isprintable() and line == line.rstrip() for line in kept)
    if not fits or not kept[0] or kept[0][0] == " " or not kept[-1]:
        return None
    return ["|" if last == "" else "|-", *kept]


def _folded(text: str, width: int) -> list[str]:
    """*text* in lines that YAML joins by one space again: cut only where one space stands between other characters.

    Placeholders stay whole.
    """
    lines = [""]
    for word in re.split(r"(?<! )(?<!\{\{) (?! |\}\})", text):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """*text* in lines for a comment; no word is broken."""
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _printable(text: str) -> str:
    """*text* for a comment, which has no escapes."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
