"""What can go wrong, and the exit code each kind ends with.

    BatchspecError            1
    ├── SpecError            65   the spec is wrong; carries every finding
    ├── UsageError           64   the command line or the environment is wrong
    ├── NotSignedInError     77   credentials are missing, or refused
    ├── ServiceError          1   Batch or Storage refused a call
    ├── PlanError             1   the plan shows what would be refused, so it is not applied
    ├── RunError              1   the run cannot go on (its job was ended, time is up)
    │   └── StuckError        1   nothing of it gets on, and will not by itself; `reason` says why in a word
    ├── TasksFailedError      3   the run ended, some tasks failed or were cancelled
    ├── RefusedError          4   safe only with the person's word, which is not there
    ├── StalePlanError        5   the saved plan no longer says what would happen
    ├── LockedError           6   another apply of this spec is running
    └── InterruptedRunError 130   cut off by a signal; the same command goes on (143: SIGTERM)

Library code raises; `cli/main.py` alone turns an error into text and an exit code.
"""

from collections.abc import Iterable

from batchspec.secrecy import without_secrets
from batchspec.source import Diagnostic, in_order


class BatchspecError(Exception):
    """The root. The text says what happened, without a secret; `help` says what to do now."""

    exit_code = 1

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(without_secrets(message))
        self.help = without_secrets(help)


class SpecError(BatchspecError):
    """The spec is wrong. `diagnostics` has all findings, in order of position."""

    exit_code = 65

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__("; ".join(f"{d.place}: {d.summary}" for d in self.diagnostics))


class UsageError(BatchspecError):
    exit_code = 64


class NotSignedInError(BatchspecError):
    exit_code = 77


class ServiceError(BatchspecError):
    """Batch or Storage answered with an error.

    `status` is the HTTP status (0 when no answer came), `code` the service's own
    code (`PoolBeingResized`), `request_id` what its support asks for.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", request_id: str = "", help: str = ""
    ) -> None:
        super().__init__(message, help=help)
        self.status = status
        self.code = code
        self.request_id = request_id


class PlanError(BatchspecError):
    pass


class RunError(BatchspecError):
    pass


class StuckError(RunError):
    """Nothing of the run gets on, and will not by itself. `reason` is a word for programs: `start_task_failed`."""

    def __init__(self, reason: str, message: str, *, help: str = "") -> None:
        super().__init__(f"STUCK({reason}): {message}", help=help)
        self.reason = reason


class TasksFailedError(BatchspecError):
    exit_code = 3


class RefusedError(BatchspecError):
    exit_code = 4


class StalePlanError(BatchspecError):
    exit_code = 5


class LockedError(BatchspecError):
    exit_code = 6


class InterruptedRunError(BatchspecError):
    """Cut off by SIGINT or SIGTERM."""

    def __init__(self, message: str, *, signal_number: int, help: str = "") -> None:
        super().__init__(message, help=help)
        self.exit_code = 128 + signal_number
