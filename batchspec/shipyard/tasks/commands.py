"""A command line of Batch Shipyard as the words of a `command`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_MARK = re.compile("\ue000(\\d+)\ue001")
_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|z)?sh")


def words(template: str, replacements: Mapping[str, str]) -> list[str]:
    """The words of *template*, a command line with placeholders; each of *replacements* stands for a path in it.

    A shell on the node expanded its variables: a line that has some, and starts no shell itself, gets one.
    """
    kept: list[str] = []

    def mark(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\ue000{len(kept) - 1}\ue001"

    line = _PLACEHOLDER.sub(mark, template)
    for old, new in replacements.items():
        line = _PLACEHOLDER.sub(mark, _path(old).sub(new.replace("\\", r"\\"), line))
    return [_MARK.sub(lambda match: kept[int(match[1])], word) for word in _split(line)]


def mentions(command: str, path: str) -> bool:
    """Whether *command*, with placeholders, names *path*."""
    return bool(path) and bool(_path(path).search(_PLACEHOLDER.sub(" ", command)))


def _path(path: str) -> re.Pattern[str]:
    """*path* or what lies in it, not a part of a longer word: of `data` neither `--data` nor `database`."""
    return re.compile((r"(?<![\w-])" if re.match(r"[\w.]", path) else "") + re.escape(path) + r"(?![\w.-])")


def _split(line: str) -> list[str]:
    try:
        found = shlex.split(line)
    except ValueError:
        return ["/bin/sh", "-c", line]
    is_shell = bool(found) and bool(_SHELLS.fullmatch(found[0]))
    return found if is_shell or "$" not in line else ["/bin/sh", "-c", line]


def then(command: list[str], script: str) -> list[str]:
    """*command*, and *script* after its success."""
    return ["/bin/sh", "-c", f'"$@" && {script}', "sh", *command]
