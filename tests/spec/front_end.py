"""What `validate` does with a file before templates and names are looked at."""

from pathlib import Path

import yaml

from batchspec.document import parser
from batchspec.document.document import Document
from batchspec.errors import SpecError
from batchspec.language.params import values_of
from batchspec.language.resolve import resolve
from batchspec.language.schema import findings as schema
from batchspec.language.schema.secrets import find_secrets
from batchspec.source import Diagnostic, Source

LOADERS = [loader for loader in (getattr(yaml, "CSafeLoader", None), yaml.SafeLoader) if loader]
"""libyaml's, where it is installed, and PyYAML's own."""


def findings(path: Path) -> list[Diagnostic]:
    """Everything that is wrong with the file, shown under its name alone."""
    try:
        parsed = parser.parse(parser.decode(path.read_bytes(), path.name))
    except SpecError as error:
        return list(error.diagnostics)
    return [*schema.check(resolved(parsed)), *find_secrets(parsed)]


def resolved(document: Document) -> Document:
    """*document* with its own parameters put in."""
    return resolve(document, values_of(document, (), {}))[0]


def parse(text: str) -> Document:
    return parser.parse(Source("spec.yaml", text))


def refused(text: str) -> list[Diagnostic]:
    """What `parse` has against *text*."""
    try:
        parse(text)
    except SpecError as error:
        return list(error.diagnostics)
    raise AssertionError("accepted")
