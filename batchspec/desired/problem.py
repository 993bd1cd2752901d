"""Why a task cannot be as its group describes it."""

from batchspec.codes import Code
from batchspec.source import Path


class TaskProblem(Exception):
    """A name that cannot be, or something that is not there. *path* is where in the spec it is decided."""

    def __init__(self, what: str, path: Path, *helps: str, code: Code = Code.BAD_NAME) -> None:
        super().__init__(what)
        self.path = path
        self.helps = helps
        self.code = code

    def is_like(self, other: "TaskProblem") -> bool:
        """Whether it says the same as *other*: what several tasks miss is missing once."""
        return (str(self), self.path) == (str(other), other.path)
