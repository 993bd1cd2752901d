"""What an unquoted text of YAML is: a number, true, false, nothing, or just text.

A number whose text is not the one that Python gives it (`3.10`, `1e3`, `0x1F`) remembers
how it was written: `str` gives that back, JSON and arithmetic see an ordinary number.
"""

import math
import re

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 40
_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "nothing"),
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def kind(value: object) -> str:
    """What *value* is, in the words of messages: `text`, `a whole number`, `a list`."""
    return next((name for type_, name in _KINDS if isinstance(value, type_)), "a mapping")


def is_type(value: object, name: str) -> bool:
    """Whether *value* is of JSON's type *name*. A whole number has no point here: 2.0 is not one."""
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def json_type(value: object) -> str:
    """JSON's name of the type of *value*; of a whole number, `integer`."""
    return next(name for name in _TYPES if is_type(value, name))


class WrittenInt(int):
    """A whole number that was written in another way than Python would."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenFloat(float):
    """A number that was written in another way than Python would."""

    written: str

    def __str__(self) -> str:
        return self.written


def as_written(number: int | float, text: str) -> int | float:
    """*number*, whose `str` is *text*."""
    if str(number) == text:
        return number
    kept = WrittenInt(number) if isinstance(number, int) else WrittenFloat(number)
    kept.written = text
    return kept


def number_of(text: str) -> int | float | None:
    """The finite number that *text* is, as written: `007` too, which YAML would not take for one."""
    if re.fullmatch(r"[-+]?[0-9]{1,40}", text, re.ASCII):
        return as_written(int(text), text)
    value = plain_value(text)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def plain_value(text: str) -> object:
    """The value of an unquoted scalar: YAML 1.2's core schema, on the cautious side.

    `010` keeps its text (8 in YAML 1.1, 10 in 1.2, and people mean neither), and
    so does what JSON cannot carry: `.inf`, `.nan`, numbers too large to be exact.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _NUMBER.match(text):
        return as_written(int(text), text)
    if _OCTAL.match(text):
        return as_written(int(text[2:], 8), text)
    if _HEX.match(text):
        return as_written(int(text[2:], 16), text)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return as_written(number, text)
    return text
