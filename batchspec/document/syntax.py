"""What a YAML parser could not read, in our words where it is a common slip."""

import re

from batchspec.codes import Code
from batchspec.source import Diagnostic, Position, Source

PLACEHOLDER_SUMMARY = "a placeholder that starts a value needs quotes"
PLACEHOLDER_HELP = 'put the whole value in quotes: "{{ params.name }}"'
_UNQUOTED_PLACEHOLDER = re.compile(r"\s*(?:- +)*(?:[^\s:#]+: +)?\{\{")

# A part of the parser's sentence; what we say; what to do. The two parsers word some of them differently.
_SYNTAX = (
    (
        "mapping values are not allowed",
        "a `:` where no key can be",
        "put the text in quotes, or check the indentation",
    ),
    (
        "could not find expected ':'",
        "a key without its `:`",
        "write `key: value`, with a blank after the colon",
    ),
    ("did not find expected key", "a key was expected here", "check the indentation and the quotes above"),
    ("expected <block end>", "a key was expected here", "check the indentation and the quotes above"),
    (
        "did not find expected '-'",
        "a list item was expected here",
        "start every item with `- `, all in one column",
    ),
    (
        "expected ',' or ']'",
        "a list in brackets is not closed",
        "end it with `]`, and put `,` between its items",
    ),
    (
        "expected ',' or '}'",
        "a mapping in braces is not closed",
        "end it with `}`, and put `,` between its fields",
    ),
    ("expected node content", "a value was expected here", "check that every bracket and brace is closed"),
    (
        "expected the node content",
        "a value was expected here",
        "check that every bracket and brace is closed",
    ),
    ("unexpected end of stream", "quotes that are never closed", "close them, or use a block: `key: |`"),
    ("unexpected document indicator", "quotes that are never closed", "close them before the `---`"),
    ("cannot start any token", "a character that no value can start with", "put the value in quotes"),
    ("unknown escape", "an escape that YAML does not have", "double the backslash, or use single quotes"),
)


def _last_place(text: str, index: int) -> Position:
    """The position of one character; past the end of the text, that after the last visible one."""
    before = text[:index] if text[index:].strip() else text.rstrip()
    lines = (before + "x").splitlines()
    return Position(len(lines), len(lines[-1]), len(lines), len(lines[-1]) + 1)


def syntax_finding(source: Source, problem: str, index: int | None) -> Diagnostic:
    """What is wrong at character *index*; *problem* is the sentence of libyaml or PyYAML."""
    position = None if index is None else _last_place(source.text, index)
    line = source.line(position.line) if position else ""
    if "\t" in line[: len(line) - len(line.lstrip())] and position:
        column = line.index("\t") + 1
        position = Position(position.line, column, position.line, column + 1)
        code, summary, help = Code.TAB, "a tab cannot indent", "indent with spaces"
    elif _UNQUOTED_PLACEHOLDER.match(line):
        code, summary, help = Code.NOT_YAML, PLACEHOLDER_SUMMARY, PLACEHOLDER_HELP
    else:
        known = (row[1:] for row in _SYNTAX if row[0] in problem)
        summary, help = next(known, (f"not YAML: {problem}", ""))
        code = Code.NOT_YAML
    return Diagnostic(code.value, summary, source, position, helps=(help,) if help else ())
