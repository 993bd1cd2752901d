"""A finding of a rule, before it is given its place in the text."""

from typing import NamedTuple

from batchspec.codes import Code
from batchspec.source import Path, Severity


class Finding(NamedTuple):
    """*what* is wrong at *path*, by which *rule*, and what to do."""

    code: Code
    path: Path
    what: str
    rule: str
    help: str = ""
    span: tuple[int, int] | None = None  # the characters of the value that are meant; None: all of it
    severity: Severity = Severity.ERROR
