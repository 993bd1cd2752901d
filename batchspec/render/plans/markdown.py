"""Foreign text in Markdown: no name, value or path in it is read as markup (REQUIREMENTS S-22)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from batchspec.render.show import show

_PLAIN = re.compile(r"[A-Za-z0-9_./:=-]+(?: [A-Za-z0-9_./:=-]+)*")
_FENCES = 40  # characters that a fence takes, with a line on what is left out


def code(text: str) -> str:
    """*text* as code within a line or a table. What could be markup there is written as numbers, which never is."""
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    return (
        "<code>" + "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in show(text)) + "</code>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], room: int) -> Iterator[str]:
    """The lines of a table, as many rows as have *room* characters; columns whose title ends with `:` are numbers."""
    yield f"| {' | '.join(title.removesuffix(':') for title in head)} |"
    yield "|" + "|".join("---:" if title.endswith(":") else "---" for title in head) + "|"
    left = iter(rows)
    for row in left:
        line = f"| {' | '.join(row)} |"
        room -= len(line) + 1
        if room < 0:
            yield f"| … {1 + sum(1 for _ in left)} more |{' |' * (len(head) - 1)}"
            return
        yield line


def fenced(lines: Iterable[str], room: int) -> str:
    """*lines* in a code fence longer than any run of backticks in them, as many as have *room* characters."""
    kept: list[str] = []
    room -= _FENCES
    for line in lines:
        shown = _harmless(line)
        room -= len(shown) + 1
        if room < 0:
            kept.append("… cut off here: run `plan --all`")
            break
        kept.append(shown)
    text = "\n".join(kept)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def folded(title: str, text: str) -> Iterator[str]:
    """*text* behind its title, which is ours."""
    yield from (f"<details><summary>{title}</summary>", "", text, "", "</details>", "")


def _harmless(line: str) -> str:
    """*line*, safe to look at. GitHub Actions reads lines that begin with two colons as commands, in logs too."""
    return re.sub(r"^(\s*)::", r"\1: :", show(line).rstrip())
