"""A plan for a pull request: a headline, the counts, and the detail folded away.

Whatever comes from names or values stands in code, so that no mention, link, table or
HTML in it is read as such (REQUIREMENTS S-22).
"""

from __future__ import annotations

import re

from batchspec.plan.model import Plan
from batchspec.render.as_text import Command, counts_text, plan_text

LONGEST = 60_000
"""Characters; the hosts' limit on a comment is a little above."""


def plan_markdown(plan: Plan, command: Command, header: str, *, id: str) -> str:
    """*plan* as a comment. The first line is a hidden marker by which the next run finds it to replace it."""
    marker = f"<!-- batchspec plan {_word(plan.spec_name)} -->"
    consents = len(plan.consents)
    warning = [f"**{consents} of its actions delete, replace or empty something.**", ""] if consents else []
    head = [
        marker,
        f"### batchspec plan: `{_word(plan.spec_name)}`",
        "",
        counts_text(plan),
        "",
        *warning,
        f"plan id `{id}`",
        "",
        "<details><summary>every action</summary>",
        "",
    ]
    tail = ["", "</details>", ""]
    room = LONGEST - sum(len(line) + 1 for line in [*head, *tail]) - 200
    return "\n".join([*head, _fenced(f"{header}\n{plan_text(plan, command, show_all=True)}", room), *tail])


def _fenced(text: str, room: int) -> str:
    """*text* in a code fence longer than any run of backticks in it, cut at a line when it is too long."""
    if len(text) > room:
        kept = text[:room].rpartition("\n")[0]
        left = text.count("\n") - kept.count("\n")
        text = f"{kept}\n… {left} more lines: batchspec plan SPEC --all\n"
    # GitHub Actions reads lines that begin with two colons as commands, in logs where this may be printed too.
    text = re.sub(r"^(\s*)::", r"\1: :", text, flags=re.MULTILINE)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _word(text: str) -> str:
    """A spec's name has letters, digits, `-` and `_` only; two hyphens would end an HTML comment."""
    return text.replace("--", "-\u2011")
