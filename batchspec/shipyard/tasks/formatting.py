"""Commands of a task factory: Python's `{}`, `{0}` and `{name}` as columns of rows, or as what a template says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, NamedTuple

from batchspec.errors import UsageError
from batchspec.language.rows.agreement import literal, name_after
from batchspec.language.rows.written import Cell


class Formatted(NamedTuple):
    """A command as a template, and the columns that it mentions: their names, and a row for each task."""

    template: str
    names: list[str]
    rows: list[list[Cell]]


def positional(command: str, arguments: Sequence[Sequence[Any]], where: str) -> Formatted:
    """*command* for each of *arguments*; a value that is formatted (`{0:03d}`) becomes that text."""
    columns: dict[tuple[str, str, str], str] = {}

    def placeholder(field: tuple[str, str, str], before: str) -> str:
        name = columns.get(field) or columns.setdefault(field, name_after(before, columns.values()))
        return f"{{{{ matrix.{name} }}}}"

    template = _rendered(command, placeholder, where)
    try:
        rows = [[_cell(field, values) for field in columns] for values in arguments]
    except (IndexError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{where}: the command does not fit its task factory: {error}") from None
    return Formatted(template, list(columns.values()), rows)


def by_keyword(command: str, words: Mapping[str, str], where: str) -> str:
    """*command* with what stands for each keyword in *words*."""

    def placeholder(field: tuple[str, str, str], _before: str) -> str:
        if field[0] not in words:
            raise UsageError(
                f"{where}: `{{{field[0]}}}` is not a keyword of a file factory", help=", ".join(words)
            )
        return words[field[0]]

    return _rendered(command, placeholder, where)


def _rendered(command: str, placeholder: Callable[[tuple[str, str, str], str], str], where: str) -> str:
    made = ""
    for text, field in _pieces(command, where):
        made += literal(text)
        if field:
            made += placeholder(field, made)
    return made


def _pieces(command: str, where: str) -> Iterator[tuple[str, tuple[str, str, str] | None]]:
    """Each stretch of text and the field (name, format, conversion) behind it; `{}` are numbered."""
    number = 0
    try:
        parsed = list(Formatter().parse(command))
    except ValueError as error:
        raise UsageError(
            f"{where}: the command's braces do not pair: {error}",
            help="in a task factory, `{{` is a literal brace",
        ) from None
    for text, name, spec, conversion in parsed:
        if name is None:
            yield text, None
            continue
        yield text, (name or str(number), spec or "", conversion or "")
        number += not name


def _cell(field: tuple[str, str, str], values: Sequence[Any]) -> Cell:
    name, spec, conversion = field
    formatter = Formatter()
    value, _ = formatter.get_field(name, values, {})
    if conversion:
        value = formatter.convert_field(value, conversion)
    if spec or not isinstance(value, (str, int, float)):
        return format(value, spec)
    return value
