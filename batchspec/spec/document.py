"""YAML text to plain values that know their place. The only door to PyYAML.

PyYAML's loaders read YAML 1.1: `no` is false, `1:30` is 90, the second of two
equal keys wins, a few hundred bytes of aliases fill the memory. So only its
events are used (libyaml's when it is there), and the values are made here: the
types of YAML 1.2's core schema, no tags, no merge keys, bounded size and depth.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from batchspec.errors import SpecError
from batchspec.source import Diagnostic, Path, Position, Severity, Source, path_text
from batchspec.spec.codes import Code

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_FINDINGS = 100
"""Where the search for more ends, so that a large wrong file is not a long wait."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 40
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# As a list of what is allowed, this pattern would take longer to compile than a spec to parse.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # libyaml refuses their escapes, PyYAML does not
_BREAKS_AND_BLANKS = frozenset(" \t\r\n\x85\u2028\u2029")
_PLACEHOLDER_SUMMARY = "a placeholder that starts a value needs quotes"
_PLACEHOLDER_HELP = 'put the whole value in quotes: "{{ params.name }}"'
_UNQUOTED_PLACEHOLDER = re.compile(r"\s*(?:- +)*(?:[^\s:#]+: +)?\{\{")


class _Node:
    """A value and where it stands. Children are by key or by index."""

    __slots__ = ("children", "closed", "end", "indexes", "keys", "start", "style", "value", "weight")

    def __init__(self, start: Any, end: Any, style: str | None) -> None:
        self.start = start
        self.end = end
        self.style = style  # of scalars: "", ' " | >; of collections: "{" (flow) or "" (block)
        self.value: object = None
        self.children: dict[str | int, _Node] = {}
        self.keys: dict[str | int, _Node] = {}
        self.weight = 1  # characters and nodes, aliases written out
        self.closed = False
        self.indexes: list[int] | None = None  # see _indexes; kept, since a long text may have many findings

    @property
    def is_block(self) -> bool:
        return bool(self.children) and self.style == ""

    def position(self) -> Position:
        start, end = self.start, self.end
        return Position(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed spec. `data` has only dict, list, str, int, float, bool and None.

    What aliases repeat is one object in `data`: change nothing in it.
    """

    source: Source
    data: dict[str, object]
    _root: _Node

    def position(self, path: Path) -> Position:
        """Where the value at *path* stands, or its nearest parent that exists."""
        node, found = self._nearest(path)
        return node.position() if found == path else self.key_position(found)

    def key_position(self, path: Path) -> Position:
        """Where the key of *path* stands; of a list item, the item."""
        parent, found = self._nearest(path[:-1])
        if path and found == path[:-1]:
            key = parent.keys.get(path[-1]) or parent.children.get(path[-1])
            if key is not None:
                return key.position()
        if found:
            return self.key_position(found)
        first = next(iter(self._root.keys.values()), self._root)
        return first.position()

    def within(self, path: Path, start: int, end: int) -> Position:
        """Where characters *start* to *end* (exclusive) of the text at *path* stand.

        Exact unless escapes hide the correspondence; then the whole text.
        """
        node, found = self._nearest(path)
        indexes = _indexes(self.source.text, node) if found == path and end > start else None
        if not indexes:
            return self.position(path)
        first, last = indexes[start], indexes[end - 1] + 1
        return Position(
            *_line_column(self.source.text, node, first), *_line_column(self.source.text, node, last)
        )

    def written(self, path: Path) -> str:
        """The scalar at *path* as the file has it (`3.10`, where `data` has 3.1)."""
        node, found = self._nearest(path)
        if found != path or node.children:
            raise KeyError(path_text(path))
        return (
            node.value if isinstance(node.value, str) else self.source.text[node.start.index : node.end.index]
        )

    def diagnostic(
        self,
        code: Code,
        summary: str,
        path: Path,
        *,
        label: str = "",
        helps: Sequence[str] = (),
        key: bool = False,
        span: tuple[int, int] | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """A finding about the value at *path*, its key, or a part of its text.

        A finding about a block mapping or list is shown at its key, one about
        the whole document has no position.
        """
        position: Position | None = None
        if span is not None:
            position = self.within(path, *span)
        elif key or self._nearest(path)[0].is_block:
            position = self.key_position(path) if path else None
        else:
            position = self.position(path)
        return Diagnostic(code.value, summary, self.source, position, path, label, tuple(helps), severity)

    def _nearest(self, path: Path) -> tuple[_Node, Path]:
        node = self._root
        for depth, part in enumerate(path):
            child = node.children.get(part)
            if child is None:
                return node, path[:depth]
            node = child
        return node, path


def decode(data: bytes, name: str) -> Source:
    """The text of a file's bytes. Raises `SpecError` when it is not UTF-8 or too large."""
    if len(data) > MAX_BYTES:
        raise SpecError([_too_large(Source(name, ""))])
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        finding = Diagnostic(
            Code.NOT_UTF8.value,
            "not UTF-8 text",
            Source(name, ""),
            label="this is UTF-16" if utf16 else f"byte {error.start + 1}, in line {line}, cannot be read",
            helps=("save the file as UTF-8",),
        )
        raise SpecError([finding]) from None


def parse(source: Source) -> Document:
    """The document in *source*. Raises `SpecError` with every finding up to the first that stops reading."""
    source = source._replace(text=source.text.removeprefix("\ufeff"))
    if len(source.text) > MAX_BYTES:
        raise SpecError([_too_large(source._replace(text=""))])
    forbidden = [*_forbidden_characters(source), *_tag_directive(source)]
    if forbidden:
        raise SpecError(forbidden)
    composer = _Composer(source)
    root = composer.compose()
    if composer.findings or not isinstance(root.value, dict):
        raise SpecError(composer.findings)
    return Document(source, root.value, root)


def _too_large(source: Source) -> Diagnostic:
    return Diagnostic(
        Code.TOO_LARGE.value,
        "too large for a spec",
        source,
        label=f"allowed: {MAX_BYTES:,} bytes",
        helps=("a long list of inputs is better a pattern: `inputs: clips/**/*.mp4`",),
    )


def _forbidden_characters(source: Source) -> Iterator[Diagnostic]:
    for match in _FORBIDDEN.finditer(source.text):
        lines = (source.text[: match.start()] + "x").splitlines()
        line, column = len(lines), len(lines[-1])
        yield Diagnostic(
            Code.CONTROL_CHARACTER.value,
            f"character U+{ord(match[0]):04X} is not allowed in YAML",
            source,
            Position(line, column, line, column + 1),
            helps=('in double quotes it can be written as an escape, such as "\\x1b"',),
        )
        return  # a binary file would give thousands; the first one says it


def _tag_directive(source: Source) -> Iterator[Diagnostic]:
    """Found before libyaml does: it compares every one with all others."""
    if match := re.search(r"^%TAG\b.*", source.text, re.MULTILINE):
        line = source.text.count("\n", 0, match.start()) + 1
        position = Position(line, 1, line, len(match[0]) + 1)
        yield Diagnostic(Code.TAG.value, "tags are not part of a spec", source, position)


class _Composer:
    """Makes nodes of events; a finding that does not stop the reading goes to `findings`."""

    def __init__(self, source: Source) -> None:
        self.findings: list[Diagnostic] = []
        self._source = source
        self._loader = _Loader(source.text)
        self._anchors: dict[str, _Node] = {}
        self._aliases = 0
        self._weight = 0

    def compose(self) -> _Node:
        try:
            return self._stream()
        except yaml.MarkedYAMLError as error:
            if any(finding.summary == _PLACEHOLDER_SUMMARY for finding in self.findings):
                raise SpecError(self.findings) from None  # it is what confused the parser
            self._stop(_syntax_finding(self._source, error))
        finally:
            self._loader.dispose()

    def _stream(self) -> _Node:
        self._loader.get_event()
        if isinstance(self._loader.get_event(), yaml.StreamEndEvent):
            self._stop(self._finding(Code.EMPTY, "nothing is in this file", None))
        event = self._loader.get_event()
        root = self._node(event, 0)
        self._loader.get_event()
        following = self._loader.get_event()
        if not isinstance(following, yaml.StreamEndEvent):
            self._add(
                Code.SEVERAL_DOCUMENTS, "a second document starts here", following, "a spec is one document"
            )
        if root.value is None:
            self._add(Code.EMPTY, "nothing is in this file", None)
        elif not isinstance(root.value, dict):
            self._add(
                Code.NOT_A_MAPPING, "a spec is a mapping of fields", event, "", "start with `version: 1`"
            )
        return root

    def _node(self, event: Any, depth: int) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            self._add(
                Code.TAG, f"tags such as `{event.tag}` are not part of a spec", event, "", "leave the tag out"
            )
        if depth > MAX_DEPTH:
            self._stop(self._finding(Code.TOO_DEEP, f"nested more than {MAX_DEPTH} levels deep", event))
        node = _Node(event.start_mark, event.end_mark, "")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(node, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._sequence(node, event, depth)
        else:
            self._mapping(node, event, depth)
        node.closed = True
        return node

    def _scalar(self, node: _Node, event: Any) -> None:
        node.style = "" if event.style in (None, ":") else event.style
        node.value = event.value if node.style else _plain(event.value)
        node.weight += len(event.value)
        self._spend(event, 1 + len(event.value))
        if node.style == '"' and _SURROGATE.search(event.value):
            self._add(Code.CONTROL_CHARACTER, "an escape that is half a character", event)
        if node.style in ("|", ">"):
            node.end = _trimmed_end(self._source.text, node.start, node.end)

    def _sequence(self, node: _Node, event: Any, depth: int) -> None:
        items: list[object] = []
        node.value = items
        self._spend(event, 1)
        while not isinstance(following := self._loader.get_event(), yaml.SequenceEndEvent):
            child = self._node(following, depth + 1)
            node.children[len(items)] = child
            items.append(child.value)
            node.weight += child.weight
        self._close(node, event, following)

    def _mapping(self, node: _Node, event: Any, depth: int) -> None:
        fields: dict[str, object] = {}
        node.value = fields
        self._spend(event, 1)
        while not isinstance(following := self._loader.get_event(), yaml.MappingEndEvent):
            key = self._node(following, depth + 1)
            value = self._node(self._loader.get_event(), depth + 1)
            node.weight += key.weight + value.weight
            name = self._key(key, node, following)
            if name is not None:
                node.keys[name], node.children[name], fields[name] = key, value, value.value
        self._close(node, event, following)

    def _key(self, key: _Node, mapping: _Node, event: Any) -> str | None:
        """The text of *key*, or None when it cannot be one."""
        name = key.value
        if self._source.text.startswith("{{", mapping.start.index) and not isinstance(name, str):
            help = 'put the whole value in quotes: "{{ params.name }}"'
            self._add(Code.KEY_NOT_TEXT, "a placeholder that starts a value needs quotes", mapping, "", help)
        elif not isinstance(name, str):
            help = "" if key.children else f'write it in quotes: "{self._text(key)}"'
            self._add(Code.KEY_NOT_TEXT, "a key must be text", event, f"this is {kind(name)}", help)
        elif name == "<<" and not key.style:
            self._add(Code.MERGE_KEY, "merge keys are not part of a spec", event, "", "repeat the fields")
        elif name in mapping.keys:
            line = mapping.keys[name].start.line + 1
            self._add(Code.DUPLICATE_KEY, f"`{name}` is given twice", event, f"first given in line {line}")
        else:
            return name
        return None

    def _alias(self, event: Any) -> _Node:
        node = self._anchors.get(event.anchor)
        self._aliases += 1
        if node is None:
            self._add(Code.UNKNOWN_ALIAS, f"no anchor `&{event.anchor}` above this alias", event)
            return _Node(event.start_mark, event.end_mark, "")
        if not node.closed:
            self._stop(
                self._finding(Code.ALIAS_CYCLE, f"`*{event.anchor}` stands inside what it repeats", event)
            )
        if self._aliases > MAX_ALIASES:
            self._stop(self._finding(Code.ALIAS_BUDGET, f"more than {MAX_ALIASES} aliases", event))
        self._spend(event, node.weight)
        return node

    def _spend(self, event: Any, weight: int) -> None:
        """Count what has been read; every alias counts as if it were written out."""
        self._weight += weight
        if self._weight > 2 * MAX_BYTES:
            summary = "with its aliases written out, the spec is too large"
            self._stop(self._finding(Code.ALIAS_BUDGET, summary, event))

    def _close(self, node: _Node, start: Any, end: Any) -> None:
        if start.flow_style:
            node.style, node.end = "{", end.end_mark
        elif node.children:
            node.end = list(node.children.values())[-1].end

    def _text(self, node: _Node) -> str:
        return self._source.text[node.start.index : node.end.index]

    def _finding(self, code: Code, summary: str, at: Any, label: str = "", help: str = "") -> Diagnostic:
        """*at* is an event, a node, or None for the whole file."""
        position = None
        if isinstance(at, _Node):
            position = at.position()
        elif at is not None:
            start, end = at.start_mark, at.end_mark
            position = Position(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        return Diagnostic(code.value, summary, self._source, position, (), label, (help,) if help else ())

    def _add(self, code: Code, summary: str, at: Any, label: str = "", help: str = "") -> None:
        self.findings.append(self._finding(code, summary, at, label, help))
        if len(self.findings) >= MAX_FINDINGS:
            raise SpecError(self.findings)

    def _stop(self, finding: Diagnostic) -> NoReturn:
        raise SpecError([*self.findings, finding])


def kind(value: object) -> str:
    """What *value* is, in the words of messages: `text`, `a whole number`, `a list`."""
    names = {
        type(None): "nothing",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        list: "a list",
    }
    return names.get(type(value), "a mapping")


def _plain(text: str) -> object:
    """The value of an unquoted scalar: YAML 1.2's core schema, on the cautious side.

    `010` keeps its text (8 in YAML 1.1, 10 in 1.2, and people mean neither), and
    so does what JSON cannot carry: `.inf`, `.nan`, numbers too large to be exact.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _NUMBER.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    return text


def _trimmed_end(text: str, start: Any, end: Any) -> Any:
    """The mark after the last visible character of a block scalar, not after the blank lines that follow."""
    body = text[start.index : end.index].rstrip("".join(_BREAKS_AND_BLANKS))
    lines = (body + "x").splitlines()
    column = len(lines[-1]) - 1 + (start.column if len(lines) == 1 else 0)
    return yaml.Mark("", start.index + len(body), start.line + len(lines) - 1, column, None, 0)


def _indexes(text: str, node: _Node) -> list[int] | None:
    """For each character of a scalar's value, its index in *text*; None when that cannot be told.

    Folding and indentation only touch blanks and line breaks, so the visible
    characters of the value are those of the source, in the same order. A blank
    takes the index of the visible character after it.
    """
    value = node.value
    if not isinstance(value, str):
        return None
    if node.indexes is not None:
        return node.indexes
    visible = [i for i in _body(text, node) if text[i] not in _BREAKS_AND_BLANKS]
    wanted = [character for character in value if character not in _BREAKS_AND_BLANKS]
    if [text[i] for i in visible] != wanted:
        return None
    indexes, following = [], iter(visible)
    ahead = next(following, node.end.index)
    for character in value:
        indexes.append(ahead)
        if character not in _BREAKS_AND_BLANKS:
            ahead = next(following, node.end.index)
    node.indexes = indexes
    return indexes


def _body(text: str, node: _Node) -> list[int]:
    """The indexes of a scalar's content: no quotes, no block header, one of two doubled quotes."""
    start, end = node.start.index, node.end.index
    if node.style in ("|", ">"):
        head = text[start:end].splitlines(keepends=True)[:1]
        return list(range(start + len("".join(head)), end))
    if not node.style:
        return list(range(start, end))
    inner = range(start + 1, end - 1)
    if node.style == '"':
        return list(inner)
    doubled = {match.start() + inner.start for match in re.finditer("''", text[inner.start : inner.stop])}
    return [i for i in inner if i not in doubled]


def _line_column(text: str, node: _Node, index: int) -> tuple[int, int]:
    lines = (text[node.start.index : index] + "x").splitlines()
    column = len(lines[-1]) + (node.start.column if len(lines) == 1 else 0)
    return node.start.line + len(lines), column


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


def _syntax_finding(source: Source, error: yaml.MarkedYAMLError) -> Diagnostic:
    """What libyaml or PyYAML could not read, in our words where it is a common slip."""
    mark = error.problem_mark or error.context_mark
    position = _last_place(source.text, mark.index) if mark else None
    line = source.line(position.line) if position else ""
    if "\t" in line[: len(line) - len(line.lstrip())] and position:
        column = line.index("\t") + 1
        position = Position(position.line, column, position.line, column + 1)
        code, summary, help = Code.TAB, "a tab cannot indent", "indent with spaces"
    elif _UNQUOTED_PLACEHOLDER.match(line):
        code, summary, help = Code.NOT_YAML, _PLACEHOLDER_SUMMARY, _PLACEHOLDER_HELP
    else:
        problem = error.problem or "it cannot be read"
        known = (row[1:] for row in _SYNTAX if row[0] in problem)
        summary, help = next(known, (f"not YAML: {problem}", ""))
        code = Code.NOT_YAML
    return Diagnostic(code.value, summary, source, position, helps=(help,) if help else ())
