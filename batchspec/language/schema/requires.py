"""The versions of batchspec that a spec is written for: `requires: ">=0.3"`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from itertools import zip_longest

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.patterns import lazy_regex
from batchspec.source import Diagnostic
from batchspec.version import __version__

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_BOUND = lazy_regex(r"(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)")


def unmet(document: Document) -> Diagnostic | None:
    """The finding for a spec that this version is not meant for. Nothing else that is found in it means much then."""
    wanted = document.data.get("requires")
    if not isinstance(wanted, str) or is_met(wanted, __version__):
        return None
    return document.diagnostic(
        Code.OTHER_VERSION,
        f"requires: the spec needs batchspec {wanted}",
        ("requires",),
        label=f"this is batchspec {__version__}",
        helps=(f'pip install "batchspec{wanted.replace(" ", "")}"',),
    )


def is_met(wanted: str, version: str) -> bool:
    """Whether *version* is within every bound of *wanted*, such as `>=0.3,<2`; what is no bound is for the schema."""
    return all(_COMPARE[how](_order(version, bound), 0) for how, bound in _BOUND.findall(wanted))


def _order(left: str, right: str) -> int:
    """Below, at or above 0, as *left* is older than, the same as, or newer than *right*."""
    pairs = list(zip_longest(_numbers(left), _numbers(right), fillvalue=0))
    return next((1 if one > other else -1 for one, other in pairs if one != other), 0)


def _numbers(version: str) -> list[int]:
    """The numbers that *version* begins with; what marks a version before its release counts as that release."""
    leading = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return [int(part) for part in leading[0].split(".")] if leading else []
