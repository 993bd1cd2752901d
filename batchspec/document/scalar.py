"""What an unquoted text of YAML is: a number, true, false, nothing, or just text."""

import math
import re

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 40
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def kind(value: object) -> str:
    """What *value* is, in the words of messages: `text`, `a whole number`, `a list`."""
    names = {
        type(None): "nothing",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        list: "a list",
    }
    return names.get(type(value), "a mapping")


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
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    return text
