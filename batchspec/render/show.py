"""Foreign text made safe to look at.

Names of files, output of tasks and answers of services may hold anything: ESC
sequences that move the cursor, characters that turn the reading direction, lines that
a CI system takes for its commands. All that is human output passes through here
first; and none of it is ever parsed for markup.
"""

import re
from unicodedata import category, east_asian_width

# GitHub: `::name::` at the start of a line, `##[name]` anywhere. Azure Pipelines: `##vso[name]` anywhere.
_COMMAND = re.compile(r"^(\s*):(?=:[a-z])|#(?=#(?:vso)?\[)", re.IGNORECASE)


def show(text: str) -> str:
    """*text* with every character that does not print made visible, on one line.

    ESC becomes ␛ and so on (U+2400 to U+2421); all others, such as bidi
    controls, zero-width and lone surrogates, become escapes as in Python.
    """
    return without_commands(text if text.isprintable() else "".join(map(_visible, text)))


def without_commands(text: str) -> str:
    """*text* with the first character of every CI command replaced by one that looks alike."""
    if "::" not in text and "##" not in text:
        return text
    return _COMMAND.sub(lambda match: "⌗" if match[0] == "#" else f"{match[1]}∶", text)


def columns(text: str) -> int:
    """How many columns of a terminal *text*, once shown, takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


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


def _columns(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
