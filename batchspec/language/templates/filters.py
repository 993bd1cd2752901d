"""The filters of templates: from plain values to plain values, none of them large.

A `ValueError` says why a value cannot be taken; nothing is made that is longer
than a template may be.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping

from batchspec.document.scalar import is_type

MAX_CHARACTERS = 65_536
"""The most a template may have, and the most it may give."""

_MOST_DIGITS = 18


def bounded(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"gives more than {MAX_CHARACTERS:,} characters")
    return text


def _replaced(value: object, old: object, new: object) -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    if len(text) + text.count(before) * len(after) > MAX_CHARACTERS:
        raise ValueError(f"gives more than {MAX_CHARACTERS:,} characters")
    return text.replace(before, after)


def _joined(values: object, between: object = "") -> str:
    if not isinstance(values, (list, tuple)):
        raise ValueError("only a list can be joined")
    return bounded(text_of(between).join(text_of(value) for value in values))


def _integer(value: object) -> int:
    return int(_number(value))


def _number(value: object) -> float:
    """*value* as a number; a text has to be one. Whole numbers stay whole."""
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{0,18})?", text, re.ASCII):
            raise ValueError(f"{_short(text)} is not a number")
        return float(text) if "." in text else int(text)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError("only a text or a number can become a number")


def _short(text: str) -> str:
    return f"`{text if len(text) <= 20 else text[:17] + '...'}`"


def _rounded(value: object, digits: object = 0) -> float:
    places = _integer(digits)
    if abs(places) > _MOST_DIGITS:
        raise ValueError(f"rounds to {_MOST_DIGITS} digits at most")
    number = round(_number(value), places)
    return number if digits else int(number)


def text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    kind = "nothing" if value is None else "a list or mapping"
    raise ValueError(f"gives {kind}, not text or a number")


def as_field(value: object, types: Collection[str]) -> object:
    """*value* for a field that takes JSON's *types*: as it is if it fits, or if a text would fit no better."""
    if value is None or isinstance(value, Mapping):
        return text_of(value)  # raises
    if "string" not in types or any(is_type(value, name) for name in types):
        return value
    return text_of(value)


FILTERS: dict[str, Callable[..., object]] = {
    "float": lambda value: float(_number(value)),
    "int": _integer,
    "join": _joined,
    "length": lambda value: len(value if isinstance(value, (list, tuple)) else text_of(value)),
    "lower": lambda value: text_of(value).lower(),
    "replace": _replaced,
    "round": _rounded,
    "string": lambda value: text_of(value),
    "trim": lambda value: text_of(value).strip(),
    "upper": lambda value: text_of(value).upper(),
}
