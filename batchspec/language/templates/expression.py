"""What an expression in a placeholder reads, and how it can be wrong."""

from collections.abc import Mapping
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.errors import BatchspecError

Reference = tuple[str, ...]
Values = Mapping[str, object]

LITERAL_HELP = 'write {{ "{{" }} for braces that are not a placeholder, also in quotes and here-documents'


class TemplateError(BatchspecError):
    """A template that is wrong; characters *start* to *end* (exclusive) of its text are.

    One that shows only when a task is rendered (a division by an input's size) ends the command.
    """

    exit_code = 65

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        *,
        code: Code = Code.TEMPLATE_SYNTAX,
        label: str = "",
        helps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.code = code
        self.label = label
        self.helps = helps


class Use(NamedTuple):
    """A name that a placeholder reads; optional when a missing one has a fallback."""

    reference: Reference
    optional: bool = False
