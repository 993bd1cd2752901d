"""YAML text to plain values that know their place. The only door to PyYAML.

PyYAML's loaders read YAML 1.1: `no` is false, `1:30` is 90, the second of two
equal keys wins, a few hundred bytes of aliases fill the memory. So only its
events are used (libyaml's when it is there), and the values are made here: the
types of YAML 1.2's core schema, no tags, no merge keys, bounded size and depth.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.node import Node, trimmed_end
from batchspec.document.scalar import kind, plain_value
from batchspec.document.syntax import (
    PLACEHOLDER_SUMMARY,
    UNKNOWN_ESCAPE,
    Trouble,
    in_quotes,
    placeholder_help,
    syntax_finding,
)
from batchspec.errors import SpecError
from batchspec.patterns import lazy_regex
from batchspec.source import Diagnostic, Source

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_FINDINGS = 100
"""Where the search for more ends, so that a large wrong file is not a long wait."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Wrong, but it is plain what is meant: what else is wrong can be found beside it.
_PLAIN = frozenset(code.value for code in (Code.DUPLICATE_KEY, Code.TAG, Code.SEVERAL_DOCUMENTS))
# As a list of what is allowed, this pattern would take longer to compile than a spec to parse.
_FORBIDDEN = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_FORBIDDEN_ASCII = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # compiled in a twentieth of the time
_TAG_NAME = lazy_regex(r"!?\w*|tag:.*")
_SURROGATE = lazy_regex("[\ud800-\udfff]")  # libyaml refuses their escapes, PyYAML does not


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
    document, findings = read(source)
    if findings:
        raise SpecError(findings)
    return document


def read(source: Source) -> tuple[Document, list[Diagnostic]]:
    """The document in *source*, and findings that leave no doubt about what it says.

    Raises `SpecError` where there are others.
    """
    source = source._replace(text=source.text.removeprefix("\ufeff"))
    if len(source.text) > MAX_BYTES:
        raise SpecError([_too_large(source._replace(text=""))])
    forbidden = [*_forbidden_characters(source), *_tag_directive(source)]
    if forbidden:
        raise SpecError(forbidden)
    composer = _Composer(source)
    root = composer.compose()
    is_plain = all(finding.code in _PLAIN for finding in composer.findings)
    if not is_plain or not isinstance(root.value, dict):
        raise SpecError(composer.findings)
    return Document(source, root.value, root, root.value), composer.findings


def _too_large(source: Source) -> Diagnostic:
    return Diagnostic(
        Code.TOO_LARGE.value,
        "too large for a spec",
        source,
        label=f"allowed: {MAX_BYTES:,} bytes",
        helps=("use a pattern instead of a long list of inputs: `inputs: clips/**/*.mp4`",),
    )


def _forbidden_characters(source: Source) -> Iterator[Diagnostic]:
    forbidden = _FORBIDDEN_ASCII if source.text.isascii() else _FORBIDDEN
    for match in forbidden.finditer(source.text):
        yield Diagnostic(
            Code.CONTROL_CHARACTER.value,
            f"character U+{ord(match[0]):04X} is not allowed in YAML",
            source,
            source.lines.position(*match.span()),
            helps=('in double quotes it can be written as an escape, such as "\\x1b"',),
        )
        return  # a binary file would give thousands; the first one says it


def _tag_directive(source: Source) -> Iterator[Diagnostic]:
    """Found before libyaml does: it compares every one with all others."""
    if match := re.search(r"^%TAG\b.*", source.text, re.MULTILINE):
        position = source.lines.position(*match.span())
        yield Diagnostic(Code.TAG.value, "tags are not supported", source, position)


class _Composer:
    """Makes nodes of events; a finding that does not stop the reading goes to `findings`."""

    def __init__(self, source: Source, end: int | None = None) -> None:
        self.findings: list[Diagnostic] = []
        self._source = source
        self._loader = _Loader(source.text[:end])
        self._anchors: dict[str, Node] = {}
        self._aliases = 0
        self._weight = 0

    def compose(self) -> Node:
        try:
            return self._stream()
        except yaml.YAMLError as error:
            if any(finding.summary == PLACEHOLDER_SUMMARY for finding in self.findings):
                raise SpecError(self.findings) from None  # it is what confused the parser
            trouble = _trouble(error)
            _require_shallow(self._source, trouble.at)
            self._stop(syntax_finding(self._source, trouble))
        finally:
            self._loader.dispose()

    def _stream(self) -> Node:
        self._event()
        if isinstance(self._event(), yaml.StreamEndEvent):
            self._stop(self._finding(Code.EMPTY, "this file is empty", None))
        event = self._event()
        root = self._node(event, 0)
        self._event()
        following = self._event()
        if not isinstance(following, yaml.StreamEndEvent):
            self._add(
                Code.SEVERAL_DOCUMENTS, "a second document starts here", following, "a spec is one document"
            )
        if root.value is None:
            self._add(Code.EMPTY, "this file is empty", None)
        elif not isinstance(root.value, dict):
            self._add(
                Code.NOT_A_MAPPING,
                "expected a mapping of fields",
                event,
                "",
                "write `NAME: value` on each line; a spec starts with `version: 1`",
            )
        return root

    def _event(self) -> Any:
        try:
            return self._loader.get_event()
        except (ValueError, OverflowError):  # PyYAML's own, where "\\U00110000" is no character
            mark = self._loader.get_mark()
            self._stop(
                self._finding(
                    Code.NOT_YAML,
                    UNKNOWN_ESCAPE.summary,
                    Node(mark.index, mark.index, ""),
                    "",
                    UNKNOWN_ESCAPE.help,
                )
            )

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            is_glob = not _TAG_NAME.fullmatch(event.tag)
            help = in_quotes(event.tag) if is_glob else "remove the tag"
            self._add(Code.TAG, f"tags such as `{event.tag}` are not supported", event, "", help)
        if depth > MAX_DEPTH:
            self._stop(self._finding(Code.TOO_DEEP, f"nested more than {MAX_DEPTH} levels deep", event))
        node = Node(event.start_mark.index, event.end_mark.index, "")
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

    def _scalar(self, node: Node, event: Any) -> None:
        node.style = "" if event.style in (None, ":") else event.style
        node.value = event.value if node.style else plain_value(event.value)
        node.weight += len(event.value)
        self._spend(event, 1 + len(event.value))
        if node.style == '"' and not event.value.isascii() and _SURROGATE.search(event.value):
            self._add(Code.CONTROL_CHARACTER, "an escape for half of a surrogate pair", event)
        if "\0" in event.value:
            self._add(Code.CONTROL_CHARACTER, "the character U+0000, which no field can hold", event)
        if node.style in ("|", ">"):
            node.end = trimmed_end(self._source.text, node.start, node.end)

    def _sequence(self, node: Node, event: Any, depth: int) -> None:
        items: list[object] = []
        node.value = items
        self._spend(event, 1)
        while not isinstance(following := self._event(), yaml.SequenceEndEvent):
            child = self._node(following, depth + 1)
            node.children[len(items)] = child
            items.append(child.value)
            node.weight += child.weight
        self._close(node, event, following)

    def _mapping(self, node: Node, event: Any, depth: int) -> None:
        fields: dict[str, object] = {}
        node.value = fields
        self._spend(event, 1)
        while not isinstance(following := self._event(), yaml.MappingEndEvent):
            key = self._node(following, depth + 1)
            value = self._node(self._event(), depth + 1)
            node.weight += key.weight + value.weight
            name = self._key(key, node, following)
            if name is not None:
                node.keys[name], node.children[name], fields[name] = key, value, value.value
        self._close(node, event, following)

    def _key(self, key: Node, mapping: Node, event: Any) -> str | None:
        """The text of *key*, or None when it cannot be one."""
        name = key.value
        if self._source.text.startswith("{{", mapping.start) and not isinstance(name, str):
            help = placeholder_help(self._source.text, mapping.start)
            self._add(Code.KEY_NOT_TEXT, PLACEHOLDER_SUMMARY, mapping, "", help)
        elif not isinstance(name, str):
            help = "" if key.children else f'write it in quotes: "{self._text(key)}"'
            self._add(Code.KEY_NOT_TEXT, "a key must be a string", event, f"this is {kind(name)}", help)
        elif name == "<<" and not key.style:
            self._add(Code.MERGE_KEY, "merge keys are not supported", event, "", "repeat the fields")
        elif name in mapping.keys:
            first = mapping.keys[name]
            line = self._source.lines.position(first.start, first.end).line
            self._add(Code.DUPLICATE_KEY, f"`{name}` appears twice", event, f"first defined in line {line}")
        else:
            return name
        return None

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        self._aliases += 1
        if node is None:
            self._add(Code.UNKNOWN_ALIAS, f"no anchor `&{event.anchor}` above this alias", event)
            return Node(event.start_mark.index, event.end_mark.index, "")
        if not node.closed:
            self._stop(
                self._finding(
                    Code.ALIAS_CYCLE, f"`*{event.anchor}` refers to a value that contains it", event
                )
            )
        if self._aliases > MAX_ALIASES:
            self._stop(self._finding(Code.ALIAS_BUDGET, f"more than {MAX_ALIASES} aliases", event))
        self._spend(event, node.weight)
        return node

    def _spend(self, event: Any, weight: int) -> None:
        """Count what has been read; every alias counts as if it were written out."""
        self._weight += weight
        if self._weight > 2 * MAX_BYTES:
            summary = "the spec is too large with its aliases expanded"
            self._stop(self._finding(Code.ALIAS_BUDGET, summary, event))

    def _close(self, node: Node, start: Any, end: Any) -> None:
        if start.flow_style:
            node.style, node.end = "{", end.end_mark.index
        elif node.children:
            node.end = list(node.children.values())[-1].end

    def _text(self, node: Node) -> str:
        return self._source.text[node.start : node.end]

    def _finding(self, code: Code, summary: str, at: Any, label: str = "", help: str = "") -> Diagnostic:
        """*at* is an event, a node, or None for the whole file."""
        position = None
        if at is not None:
            start, end = (
                (at.start, at.end) if isinstance(at, Node) else (at.start_mark.index, at.end_mark.index)
            )
            position = self._source.lines.position(start, end)
        return Diagnostic(code.value, summary, self._source, position, (), label, (help,) if help else ())

    def _add(self, code: Code, summary: str, at: Any, label: str = "", help: str = "") -> None:
        self.findings.append(self._finding(code, summary, at, label, help))
        if len(self.findings) >= MAX_FINDINGS:
            raise SpecError(self.findings)

    def _stop(self, finding: Diagnostic) -> NoReturn:
        raise SpecError([*self.findings, finding])


def _require_shallow(source: Source, end: int | None) -> None:
    """What stands before *end* is not nested too deeply; else raises `SpecError`.

    A parser reads ahead, and some releases give up at a depth of their own before we have seen ours.
    """
    try:
        _Composer(source, end)._stream()
    except yaml.YAMLError:
        pass
    except SpecError as error:
        if any(finding.code == Code.TOO_DEEP.value for finding in error.diagnostics):
            raise


def _trouble(error: yaml.YAMLError) -> Trouble:
    at, since = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    return Trouble(
        at.index if at else None,
        since.index if since else None,
        isinstance(error, yaml.scanner.ScannerError),
        getattr(error, "problem", None) or "it cannot be read",
    )
