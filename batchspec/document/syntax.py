"""What a YAML parser could not read, in our words.

libyaml and PyYAML word their errors differently, and otherwise in each release. The two places
they report are the same in all of them, so these and the text decide what we say.
"""

import re
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.patterns import lazy_regex
from batchspec.source import Diagnostic, Position, Source

PLACEHOLDER_SUMMARY = "a placeholder that starts a value needs quotes"
_LONGEST_LINE = 1000  # what is further on in a line is not looked at, or long lines would take minutes
_UNQUOTED_PLACEHOLDER = lazy_regex(r"\s*(?:- +)*(?:[^\s:#]+: +)?(?=\{\{)")
_PLACEHOLDER_VALUE = lazy_regex(r"[^\s,\[\]\"']*(?:\{\{.*?\}\}[^\s,\]\"']*)+")
_UNQUOTED_BRACES = lazy_regex(r"""[^\s,\[\]{}"']*\{[A-Za-z][\w,.:*-]*\}[^\s,\]"']*""")
_QUOTED = lazy_regex(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'", re.DOTALL)


def in_quotes(value: str) -> str:
    """What to do with *value*, which is text and was read as something else."""
    return (
        f'put the whole value in quotes: "{value}"' if '"' not in value else "put the whole value in quotes"
    )


def placeholder_help(text: str, index: int) -> str:
    """What to do with the unquoted placeholder at *index* of *text*."""
    line = text[index : index + _LONGEST_LINE].partition("\n")[0]
    found = _PLACEHOLDER_VALUE.match(line)
    return in_quotes(found[0] if found else "{{ params.name }}")


class Trouble(NamedTuple):
    """What a parser reports. Places are characters, counted from 0."""

    at: int | None
    """Where it cannot continue."""
    since: int | None = None
    """Where that began which it was reading."""
    in_token: bool = False
    """Whether it was reading a single word, and not a mapping or a list."""
    sentence: str = ""


class Slip(NamedTuple):
    summary: str
    help: str = ""
    is_since: bool = False
    """Whether it is to be seen where the reading began, which may be far above where it ended."""


_COLON = Slip("unexpected `:`", "put the text in quotes, or check the indentation")
_NO_COLON = Slip("expected `:` after this key", "write `key: value`, with a space after the colon")
_NO_KEY = Slip("expected a key", "check the indentation and the quotes above")
_NO_ITEM = Slip("expected a list item", "start every item with `- `, all in one column")
_NO_VALUE = Slip("expected a value", "check that every bracket and brace is closed")
_OPEN_LIST = Slip("expected `,` or `]`", "put `,` between the items, and `]` at the end of the list")
_OPEN_MAPPING = Slip("expected `,` or `}`", "put `,` between the fields, and `}` at the end of the mapping")
_NO_END = Slip("expected the end of the file", "check the indentation and the quotes above")
_BLOCK_HEAD = Slip("expected a line break after `|` or `>`", "put the text on the lines below it, indented")
_OPEN_QUOTE = Slip("unclosed quotes", "close them, or use a block: `key: |`", is_since=True)
_QUOTE_CUT_OFF = Slip("unclosed quotes", "close them before this line")
UNKNOWN_ESCAPE = Slip("unknown escape", "double the backslash, or use single quotes")
_INLINE_LIST = Slip("a list cannot start here", "put its first `- ` on a line of its own")
_NOT_FIRST = Slip("a value cannot start with this character", "put the value in quotes")


def syntax_finding(source: Source, trouble: Trouble) -> Diagnostic:
    """What is wrong where the parser of *source* stopped."""
    position = None if trouble.at is None else _last_place(source, trouble.at)
    line = source.lines.line(position.line)[:_LONGEST_LINE] if position else ""
    code, slip = Code.NOT_YAML, _slip(source.text, trouble)
    if "\t" in line[: len(line) - len(line.lstrip())] and position:
        column = line.index("\t") + 1
        position = Position(position.line, column, position.line, column + 1)
        code, slip = Code.TAB, Slip("a tab cannot indent", "indent with spaces")
    elif placeholder := _UNQUOTED_PLACEHOLDER.match(line):
        slip = Slip(PLACEHOLDER_SUMMARY, placeholder_help(line, placeholder.end()))
    elif braces := _unquoted_braces(line, position):
        slip = Slip("text with braces needs quotes here", in_quotes(braces))
    elif slip.is_since and trouble.since is not None:
        position = _last_place(source, trouble.since)
    return Diagnostic(code.value, slip.summary, source, position, helps=(slip.help,) if slip.help else ())


def _unquoted_braces(line: str, position: Position | None) -> str:
    """The text with braces, such as `{title}.mp4`, at *position* of *line* or right before it; or ""."""
    column = position.column - 1 if position else 0
    found = (match for match in _UNQUOTED_BRACES.finditer(line) if match.start() <= column <= match.end())
    return next((match[0] for match in found if match[0][-1] != "}" or match[0][0] != "{"), "")


def _slip(text: str, trouble: Trouble) -> Slip:
    found = _in_token(text, trouble) if trouble.in_token else _between_tokens(text, trouble)
    return found or Slip(f"not YAML: {trouble.sentence}")


def _last_place(source: Source, index: int) -> Position:
    """The position of one character; past the end of the text, that after the last visible one."""
    at = index if source.text[index:].strip() else len(source.text.rstrip())
    start = source.lines.position(at, at)
    return Position(start.line, start.column, start.line, start.column + 1)


def _in_token(text: str, trouble: Trouble) -> Slip | None:
    """The slip inside a word: a key, a text in quotes, the name of an alias."""
    at, since = trouble.at, trouble.since
    if at is None:
        return None
    if since is None or since == at:  # PyYAML does not say where a word begins that cannot begin
        return {":": _COLON, "-": _INLINE_LIST}.get(text[at : at + 1], _NOT_FIRST)
    if text[since] in "\"'":
        return _in_quotes(text, since, at)
    if text[since] in "*&":
        return _NOT_FIRST
    if text[since] in "|>":
        return _BLOCK_HEAD
    return None if text[since] in "!%" else _NO_COLON


def _in_quotes(text: str, since: int, at: int) -> Slip:
    whole = _QUOTED.match(text, since)
    if whole is None:
        return _OPEN_QUOTE
    if whole.end() <= at:
        return _NO_COLON
    return _QUOTE_CUT_OFF if text.startswith(("---", "..."), at) else UNKNOWN_ESCAPE


def _between_tokens(text: str, trouble: Trouble) -> Slip | None:
    """The slip inside a mapping or list: a word that cannot follow there."""
    at, since = trouble.at, trouble.since
    if since is None:
        return None if at is None or text.startswith("%", at) else _NO_END
    if since == at:
        return None if text.startswith("!", at) else _NO_VALUE
    if re.compile(r"-\s").match(text, since):
        return _NO_ITEM
    return {"[": _OPEN_LIST, "{": _OPEN_MAPPING}.get(text[since], _NO_KEY)
