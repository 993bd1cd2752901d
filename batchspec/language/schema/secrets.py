"""Secrets that stand in a spec, where they never belong.

Patterns find what has a known form: in values, however they are folded or
escaped, and in all other text, comments too. A random-looking value under a
name that sounds secret is a warning. No message has the value, and what is
shown of a file goes through `hidden_parts`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.parser import MAX_FINDINGS
from batchspec.patterns import lazy_regex
from batchspec.source import Diagnostic, Path, Position, Severity, lines_of

_PATTERNS: tuple[tuple[Code, str, re.Pattern[str]], ...] = (
    (
        Code.PRIVATE_KEY,
        "a private key",
        lazy_regex(
            r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----))*"
            r"(?:-----END [A-Z0-9 ]{0,30}-----)?"
        ),
    ),
    (
        Code.CONNECTION_STRING,
        "a connection string with its key",
        lazy_regex(r"(?i)\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*=\s*[^\s;\"'{}]{8,}"),
    ),
    (
        Code.ACCOUNT_KEY,
        "the key of a storage or Batch account",
        lazy_regex(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"),
    ),
    (
        Code.SAS,
        "a shared access signature",
        lazy_regex(r"(?i)(?<![a-z0-9])sig=[a-z0-9%+/_-]{20,}={0,2}"),
    ),
    (
        Code.CLIENT_SECRET,
        "the client secret of an app registration",
        lazy_regex(r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"),
    ),
    (
        Code.BEARER_TOKEN,
        "a bearer token",
        lazy_regex(
            r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"
            r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{20,}=*"
        ),
    ),
)
_HINT = lazy_regex(r"=|Q~|eyJ|-----BEGIN|bearer", re.IGNORECASE)
_NAME = r"pass(?:word|wd|phrase)|secret|token|credential|(?:api|access|account|private|sas|ssh)_?-?key"
_SECRET_NAME = lazy_regex(_NAME, re.IGNORECASE)
_UNDER_SECRET_NAME = lazy_regex(
    rf"(?m)^[ \t]*(?:- +){{0,8}}[\"']?[\w.-]{{0,60}}(?:{_NAME})[\w.-]{{0,60}}[\"']?[ \t]*:[ \t]+"
    r"(?P<value>[^\s{&*|>#][^\n]*)",
    re.IGNORECASE,
)
# A value given to such a name in the middle of a text, or as the option of a command, or in a URL.
_GIVEN = lazy_regex(
    rf"(?:{_NAME})[\w-]{{0,40}}=[\"']?(?![\"']?[$<{{/])[^\s,;&\"'|]{{4,}}"
    rf"|--?[\w-]{{0,40}}(?:{_NAME})[\w-]{{0,40}}\s+[\"']?(?![\"']?[-$<{{/])[^\s,;&\"'|]{{4,}}"
    r"|://[^\s/:@]+:(?!\$)[^\s/@]{4,}@",
    re.IGNORECASE,
)
_HARMLESS = lazy_regex(r"(?i)|true|false|yes|no|[0-9]{1,4}|\$\w+|/[\w./-]*")
_LABEL = "secrets never belong in a spec"
_HELPS = (
    "credentials come from the environment, or from `az login`; a field that needs a secret takes"
    " {fromEnvironment: NAME}",
    "if this was ever pushed or shared, make a new one now",
)


class Span(NamedTuple):
    """Characters *start* to *end* (exclusive) of a text are a secret of this kind."""

    start: int
    end: int
    code: Code
    what: str


def spans(text: str) -> list[Span]:
    """The secrets of known form in *text*, in order, none over another."""
    found: list[Span] = []
    if not _HINT.search(text):
        return found
    for code, what, pattern in _PATTERNS:
        found += (Span(match.start(), match.end(), code, what) for match in pattern.finditer(text))
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return sorted(found)


def hide(text: str) -> str:
    """*text*, such as a message, with the secrets of known form in it hidden."""
    for span in reversed(spans(text)):
        text = f"{text[: span.start]}({span.end - span.start} characters hidden){text[span.end :]}"
    return text


def may_be_secret(name: str, value: str) -> bool:
    """Whether *value*, which somebody else put under *name*, had better not be shown.

    Wider than what is refused in a spec: a weak password has no form to be known by.
    """
    named = _SECRET_NAME.search(name) is not None and not _HARMLESS.fullmatch(value)
    return named or bool(spans(value)) or _GIVEN.search(value) is not None


def hidden_parts(text: str) -> list[Position]:
    """What of a file's *text* must not be shown: secrets, and any value under a name that sounds secret."""
    parts = [(span.start, span.end) for span in spans(text)]
    parts += (match.span("value") for match in _UNDER_SECRET_NAME.finditer(text))
    lines = lines_of(text)
    return [lines.position(start, end) for start, end in parts]


def find_secrets(document: Document) -> list[Diagnostic]:
    """A finding for every secret in *document*; `{fromEnvironment: NAME}` is none."""
    found = list(islice(_in_values(document, document.data, ()), MAX_FINDINGS))
    seen = {line for finding in found for line in _lines_of(finding)}
    lines = document.source.lines
    for span in spans(document.source.text)[:MAX_FINDINGS]:  # what values do not have: comments and keys
        finding = _finding(document, span, lines.position(span.start, span.end), ())
        if seen.isdisjoint(_lines_of(finding)):
            found.append(finding)
    return found


def _in_values(document: Document, value: object, path: Path) -> Iterator[Diagnostic]:
    if isinstance(value, str):
        for span in spans(value):
            yield _finding(document, span, document.within(path, span.start, span.end), path)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _in_values(document, item, (*path, i))
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _in_values(document, member, (*path, key))
        yield from _likely(document, value, path)


def _likely(document: Document, fields: dict[str, object], path: Path) -> Iterator[Diagnostic]:
    """Random-looking values of parameters (at the top of a --params file), and of `name: X` beside `value: Y`,
    whose name sounds secret.

    Elsewhere the schema knows which fields are secret.
    """
    named = [(key, key, value) for key, value in fields.items()] if path in ((), ("params",)) else []
    if path[:1] == ("params",) and len(path) == 2:
        named.append((str(path[1]), "default", fields.get("default")))
    named.append((str(fields.get("name", "")), "value", fields.get("value")))
    for name, key, value in named:
        if isinstance(value, str) and _SECRET_NAME.search(name) and _looks_random(value) and not spans(value):
            yield document.diagnostic(
                Code.LIKELY_SECRET,
                f"`{hide(name)}` has a value that looks like a secret",
                (*path, key),
                label=_LABEL,
                helps=_HELPS,
                severity=Severity.WARNING,
            )


def _looks_random(text: str) -> bool:
    """Whether *text* could come from a generator: no blanks, letters and digits, as good as nothing repeated."""
    if not re.fullmatch(r"[!-~]{12,}", text) or "{{" in text or re.search(r"://|^[/.]", text):
        return False
    counts = Counter(text).values()
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return bits >= 3.0 and any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _finding(document: Document, span: Span, position: Position, path: Path) -> Diagnostic:
    summary = f"this looks like {span.what}"
    return Diagnostic(span.code.value, summary, document.source, position, path, _LABEL, _HELPS)


def _lines_of(finding: Diagnostic) -> range:
    return range(finding.position.line, finding.position.end_line + 1) if finding.position else range(0)
