"""Foreign text made safe to look at.

Names of files, output of tasks and answers of services may hold anything: ESC
sequences that move the cursor, characters that turn the reading direction, lines that
a CI system takes for its commands. All that is human output passes through here
first; and none of it is ever parsed for markup.
"""

import json
import re
from collections.abc import Iterable

from batchspec.patterns import lazy_regex

# GitHub: `::name::` at the start of a line, `##[name]` anywhere. Azure Pipelines: `##vso[name]` anywhere.
_COMMAND = lazy_regex(r"^(\s*):(?=:[a-z])|#(?=#(?:vso)?\[)", re.IGNORECASE)
_ANYWHERE = lazy_regex(r"#(?=#(?:vso)?\[)", re.IGNORECASE)

PAINT = lazy_regex(r"(\x1b\[(?:0|1|2|31|32|33|34|36)m)")
"""What is written to a terminal around words of ours."""


def show(text: str) -> str:
    """*text* with every character that does not print made visible, on one line.

    ESC becomes ␛ and so on (U+2400 to U+2421); all others, such as bidi
    controls, zero-width and lone surrogates, become escapes as in Python.
    """
    return without_commands(text if text.isprintable() else "".join(map(_visible, text)))


def page(lines: Iterable[str]) -> str:
    """Each of *lines* shown, in a line of its own: a line end in foreign text does not begin another."""
    return "".join(f"{show(line)}\n" for line in lines)


def shown(text: str) -> str:
    """*text* of several lines, each shown. The colours that we paint with stay."""
    return "\n".join("".join(map(_unpainted, PAINT.split(line))) for line in text.split("\n"))


def json_text(value: object) -> str:
    """*value* as JSON on one line: UTF-8 can carry it, and no terminal, log or CI system reads more in it."""
    text = json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return _ANYWHERE.sub(r"\\u0023", text) if "##" in text else text


def without_commands(text: str) -> str:
    """*text* with the first character of every CI command replaced by one that looks alike."""
    if "::" not in text and "##" not in text:
        return text
    return _COMMAND.sub(lambda match: "⌗" if match[0] == "#" else f"{match[1]}∶", text)


def padded(text: str, width: int) -> str:
    """*text* with spaces behind it, so that it takes *width* columns, or as it is where it takes more."""
    return text if text.isascii() and len(text) >= width else text + " " * (width - columns(show(text)))


def columns(text: str) -> int:
    """How many columns of a terminal *text*, once shown, takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _unpainted(part: str) -> str:
    return part if PAINT.fullmatch(part) else show(part)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
