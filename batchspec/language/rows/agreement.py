"""Tasks that were written one by one, as rows of one group: texts that agree but for some of their words.

Two tasks agree when their texts have the same words and signs, except for words that are no options; what differs
becomes a column. `-i in/a.mp4 out/a.mp3` and `-i in/b.mp4 out/b.mp3` differ in one value, not in two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from batchspec.language.rows.written import typed

_TOKEN = re.compile(r"[\w.+%-]+|\s+|.", re.DOTALL)
_WORD = re.compile(r"[\w.+%-]*\w[\w.+%-]*")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}")
_OPTION = re.compile(r"(?:^|[\s\"'])-{1,2}([A-Za-z][A-Za-z0-9_-]{0,30})(?:=|[\s\"']+)[\"']?$")
_VARIABLE = re.compile(r"(?:^|[\s\"';])([A-Za-z_][A-Za-z0-9_]{0,30})=[\"']?$")


class Agreed(NamedTuple):
    """*templates* are the texts of a task, with `{{ matrix.NAME }}` for what differs; *rows* have its values."""

    templates: list[str]
    names: list[str]
    rows: list[list[str | int | float | bool]]


def shape(texts: Sequence[str]) -> tuple[object, ...]:
    """What texts have in common that may be rows of one group: their signs, their options and their programs."""
    return tuple(tuple(_fixed(tokens)) for tokens in map(_tokens, texts))


def agree(tasks: Sequence[Sequence[str]]) -> Agreed:
    """What *tasks* of one `shape` share, and what tells them apart."""
    columns: dict[tuple[str, ...], str] = {}
    templates = [_template(texts, columns) for texts in zip(*tasks, strict=True)]
    cells = [typed(column) for column in columns]
    rows = [list(row) for row in zip(*cells, strict=True)] if cells else [[] for _ in tasks]
    return Agreed(templates, list(columns.values()), rows)


def literal(text: str) -> str:
    """*text* for a template, where two braces would begin a placeholder."""
    return text.replace("{{", '{{ "{{" }}')


def name_after(text: str, taken: Collection[str]) -> str:
    """A name for the value that follows *text*: the option or variable it belongs to, or just `value`."""
    match = _OPTION.search(text) or _VARIABLE.search(text)
    base = re.sub(r"[^a-z0-9_]", "_", match[1].lower()) if match else "value"
    base = f"{base}_" if base in ("folder", "source") else base
    return next(name for name in _numbered(base) if name not in taken)


def _numbered(base: str) -> Iterator[str]:
    yield base
    yield from (f"{base}{number}" for number in range(2, 10_000))


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _fixed(tokens: Sequence[str]) -> Iterator[str]:
    """Each token that must be the same; words that may differ as one letter."""
    for number, token in enumerate(tokens):
        may_differ = number > 0 and _WORD.fullmatch(token) and token[0] != "-"
        yield "w" if may_differ else token


def _template(texts: Sequence[str], columns: dict[tuple[str, ...], str]) -> str:
    """One text for all *texts*; what differs is added to *columns*, or is one of them already."""
    made = ""
    for tokens in zip(*map(_tokens, texts), strict=True):
        if len(set(tokens)) == 1:
            made += literal(tokens[0])
            continue
        suffix = _common_suffix(tokens)
        values = tuple(token.removesuffix(suffix) for token in tokens)
        name = columns.get(values) or columns.setdefault(values, name_after(made, columns.values()))
        made += f"{{{{ matrix.{name} }}}}{literal(suffix)}"
    return made


def _common_suffix(tokens: Sequence[str]) -> str:
    """`.mp4` where all have it and something before it."""
    suffix = tokens[0][tokens[0].rfind(".") :] if "." in tokens[0][1:] else ""
    if not _SUFFIX.fullmatch(suffix):
        return ""
    return suffix if all(token.endswith(suffix) and len(token) > len(suffix) for token in tokens) else ""
