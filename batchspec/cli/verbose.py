"""`-v`, `-vv`: what goes over the wire, on stderr, and where an error comes from; all of it without secrets."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from batchspec.cli.door import put
from batchspec.render.show import shown
from batchspec.secrecy import without_secrets

_log = logging.getLogger("batchspec")


class _Hiding(logging.Formatter):
    """Formats whole records, tracebacks included, and then takes the secrets out: arguments may bring them."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(without_secrets(super().format(record)))


def listen(level: int) -> None:
    """From now on stderr says what libraries tell: at 1 each request and answer, above it everything."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Hiding("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if level == 1 else logging.DEBUG, handlers=[handler], force=True)


def is_listening() -> bool:
    return _log.isEnabledFor(logging.INFO)


def tell(error: BaseException) -> None:
    """Where *error* comes from, if somebody listens."""
    _log.info("%s", type(error).__name__, exc_info=error)


def crash(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    """Writes the traceback of an error that nobody expected, as Python does, but without secrets."""
    if sys.stderr is not None:
        put(without_secrets("".join(traceback.format_exception(kind, error, where))), err=True)
