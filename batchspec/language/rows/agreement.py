"""Tasks that were written one by one, as rows of one group: texts that agree but for some of their words.

Two tasks agree when their texts have the same words and signs, except for words that are no options; what differs
becomes a column. `-i in/a.mp4 out/a.mp3` and `-i in/b.mp4 out/b.mp3` differ in one value, not in two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile, zip_longest
from typing import NamedTuple

from batchspec.language.rows.written import typed

_OPTIONS = r"(?<![\w.])--?[A-Za-z][\w-]*"
_WORDS = re.compile(rf"{_OPTIONS}|[\w.+%-]+|\s+|.", re.DOTALL)
_PARTS = re.compile(rf"{_OPTIONS}|\d+(?:\.\d+)+(?![^\W_])|[^\W_]+|\s+|.", re.DOTALL)
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}")
_OPTION = re.compile(r"(?:^|[\s\"'])-{1,2}([A-Za-z][A-Za-z0-9_-]{0,30})(?:=|[\s\"']+)[\"']?$")
_VARIABLE = re.compile(r"(?:^|[\s\"';])([A-Za-z_][A-Za-z0-9_]{0,30})=[\"']?$")


class Agreed(NamedTuple):
    """*templates* are the texts of a task, with `{{ matrix.NAME }}` for what differs; *rows* have its values."""

    templates: list[str]
    names: list[str]
    rows: list[list[str | int | float | bool]]


def shape(texts: Sequence[str], programs: Collection[int] = (0,)) -> tuple[object, ...]:
    """What texts have in common that may be rows of one group: their signs, their options and their programs.

    *programs* are the texts that begin with one.
    """
    return tuple(tuple(_fixed(_WORDS.findall(text), number in programs)) for number, text in enumerate(texts))


def agree(tasks: Sequence[Sequence[str]], leads: Sequence[str] = ()) -> Agreed:
    """What *tasks* of one `shape` share, and what tells them apart.

    Their texts are `literal` already. *leads* stand before the texts of each, where names are looked for.
    """
    columns: dict[tuple[str, ...], str] = {}
    texts = zip(*tasks, strict=True)
    templates = [
        _template(alike, columns, lead) for alike, lead in zip_longest(texts, leads, fillvalue="") if alike
    ]
    cells = [typed(column) for column in columns]
    rows = [list(row) for row in zip(*cells, strict=True)] if cells else [[] for _ in tasks]
    return Agreed(templates, list(columns.values()), rows)


def common_name(ids: Sequence[str]) -> str:
    """What *ids* begin with, without the number that follows; "" where that is nothing."""
    if len(ids) == 1:
        return ids[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*ids, strict=False))
    return "".join(letters[0] for letters in alike).rstrip("0123456789-_")


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


def _fixed(tokens: Sequence[str], is_program: bool) -> Iterator[str]:
    """Each token that must be the same; words that may differ as one letter."""
    for number, token in enumerate(tokens):
        yield token if (is_program and number == 0) or not _may_differ(token) else "w"


def _may_differ(token: str) -> bool:
    return token[0] != "-" and any(character.isalnum() for character in token)


def _template(texts: Sequence[str], columns: dict[tuple[str, ...], str], lead: str) -> str:
    """One text for all *texts*; what differs is added to *columns*, or is one of them already."""
    made = ""
    for tokens in _joined(list(_split(texts)), columns):
        if len(set(tokens)) == 1:
            made += tokens[0]
            continue
        suffix = _common_suffix(tokens)
        values = tuple(token.removesuffix(suffix) for token in tokens)
        name = columns.get(values) or columns.setdefault(values, name_after(lead + made, columns.values()))
        made += f"{{{{ matrix.{name} }}}}{suffix}"
    return made


def _split(texts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The tokens of *texts*, side by side: parts of words where all have the same ones, else words."""
    parts = [_PARTS.findall(text) for text in texts]
    if len({tuple(_fixed(tokens, is_program=False)) for tokens in parts}) > 1:
        parts = [_WORDS.findall(text) for text in texts]
    return zip(*parts, strict=True)


def _joined(
    tokens: Sequence[tuple[str, ...]], columns: Collection[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    """*tokens*, with those put together that change together: `north-east` and `south-west` differ in one value."""
    if not tokens:
        return
    last = tokens[0]
    kept: list[tuple[str, ...]] = []
    for token in tokens[1:]:
        between = kept[-1] if kept else ()
        if len(set(last)) > 1 and len(set(token)) == 1 and not kept and not token[0].isspace():
            kept.append(token)
        elif kept and _change_together(last, token) and not {last, token} & set(columns):
            last = tuple(map("".join, zip(last, between, token, strict=True)))
            kept = []
        else:
            yield from (last, *kept)
            last, kept = token, []
    yield from (last, *kept)


def _change_together(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether each value of *one* comes with a single value of *other*, and the other way round."""
    return len(set(other)) > 1 and len(set(one)) == len(set(other)) == len(set(zip(one, other, strict=True)))


def _common_suffix(tokens: Sequence[str]) -> str:
    """`.mp4` where all have it and something before it."""
    suffix = tokens[0][tokens[0].rfind(".") :] if "." in tokens[0][1:] else ""
    if not _SUFFIX.fullmatch(suffix):
        return ""
    return suffix if all(token.endswith(suffix) and len(token) > len(suffix) for token in tokens) else ""
