"""Parts of a shell's script whose failure nobody sees, since only the exit code of its last command counts.

A reading by eye, not a parser of shell: it knows quotes, lists, pipes and the words of compound commands, and is
silent about what it cannot tell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from batchspec.patterns import lazy_regex

_SHELL = lazy_regex(
    r"\s*(?:\S*/)?(?P<shell>bash|sh|dash|zsh|ksh)(?P<options>(?:\s+-\S+|\s+(?:pipefail|errexit))*?)"
    r"\s+-(?P<last>\w*)c\s+(?P<quote>['\"])(?P<script>.*)(?P=quote)\s*",
    re.DOTALL,
)
_QUOTED = lazy_regex(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\([^()]*\)|`[^`]*`|#[^\n]*", re.DOTALL)
_END = lazy_regex(r";;|[;\n]")
_PIPE = lazy_regex(r"(?<!\|)\|(?![|&])")
_ERREXIT = lazy_regex(r"\bset\s+(?:-o\s+)?(?:-\w*e\w*|errexit)\b")
_SAYS_ITSELF = lazy_regex(r"\bexit\s+\d+\s*$")
_LEADING = lazy_regex(r"\s*(?:(?:do|then|else|\{)\s+)*")
_CONDITION = lazy_regex(r"(?:if|elif|while|until|for|case|select|done|fi|esac|\}|\(|\w+\s*\(\))(?=\W|$)")
_HARMLESS = lazy_regex(
    r"(?:export|readonly|local|set|unset|trap|umask|ulimit|echo|printf|sleep|exit|return|true|:|\w+=\S*$)(?=\W|$)"
)


class Unseen(NamedTuple):
    """A part that may fail unseen: where it stands in the line, and what to begin the script with."""

    start: int
    end: int
    help: str


def unseen_part(line: str) -> Unseen | None:
    """The first part of the script of *line* (`bash -c "a; b"`) that may fail without the line failing."""
    match = _SHELL.fullmatch(line)
    if match is None:
        return None
    has_pipefail = "pipefail" in line and match["shell"] != "sh"
    options = f"{match['options']} -{match['last']}"
    stops = bool(_ERREXIT.search(match["script"]) or re.search(r"-\w*e\w*\b|errexit", options))
    help = "set -e;" if match["shell"] in ("sh", "dash") else "set -eo pipefail;"
    bare = _QUOTED.sub(lambda found: "\0" * len(found[0]), match["script"])
    if _SAYS_ITSELF.search(bare):
        return None  # the script says itself how it ended
    parts = _parts(bare)
    for number, (start, end) in enumerate(parts):
        text = bare[start:end]
        is_last = number == len(parts) - 1
        pipes = _PIPE.search(text) is not None and not has_pipefail and match["shell"] not in ("sh", "dash")
        if (not is_last and not stops and _may_fail(text)) or (pipes and not _is_handled(text)):
            return Unseen(match.start("script") + start, match.start("script") + end, help)
    return None


def _parts(bare: str) -> list[tuple[int, int]]:
    """Where the commands stand that `;` and line ends divide, without the words of compound commands before them."""
    parts, start = [], 0
    for end in [*(found.span() for found in _END.finditer(bare)), (len(bare), len(bare))]:
        begin = _LEADING.match(bare, start, end[0])
        first = begin.end() if begin else start
        if bare[first : end[0]].strip("\0 \t\n"):
            parts.append((first, first + len(bare[first : end[0]].rstrip())))
        start = end[1]
    return parts


def _may_fail(text: str) -> bool:
    return not (_CONDITION.match(text) or _HARMLESS.match(text) or _is_handled(text))


def _is_handled(text: str) -> bool:
    """Whether the script itself looks at how the command ends."""
    return "||" in text or re.search(r"&&\s*(?:exit|return|break|continue)\b", text) is not None
