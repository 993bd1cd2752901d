"""What a finding, a reason of a stuck run or a field of a spec means, as text."""

from __future__ import annotations

import importlib.resources
import json
import re
import textwrap
from difflib import get_close_matches
from functools import cache

from batchspec.codes import Code
from batchspec.engine.health.trouble import StuckReason
from batchspec.language.schema.fields import ending_in, field, names_beside, top_level

_WIDTH = 96
_NEAR = 3


def explanation(word: str) -> str | None:
    """The text for a code (`BS0404`), a reason (`quota`, `STUCK(quota)`) or a field (`pool.vmSize`), if it is one."""
    reason = word.partition("(")[2].rstrip(")") or word
    codes = {code.value: code for code in Code}
    if code := codes.get(word.upper()):
        return f"{code.value}: {code.meaning}\n\n{_plain(sections()[code.value])}\n"
    if reason in {each.value for each in StuckReason}:
        return f"STUCK({reason}) or DEGRADED({reason})\n\n{_plain(sections()[reason])}\n"
    return _of_field(re.sub(r"\[\d+\]", "", word))  # findings count the items of lists


def everything() -> str:
    """The words that `explanation` knows, each with its meaning; of fields those at the top."""
    reasons = {reason.value: sections()[reason.value].partition("\n\n")[0] for reason in StuckReason}
    return "\n".join(
        (
            "Findings:",
            *_listed({code.value: code.meaning for code in Code}),
            "\nReasons of a stuck or slow run:",
            *_listed({reason: " ".join(text.split()) for reason, text in reasons.items()}),
            "\nFields of a spec (a path of any depth, such as pool.startTask or tasks.NAME.output):",
            *_listed(top_level()),
            "",
        )
    )


def near(word: str) -> list[str]:
    """What might have been meant by *word*, the nearest first."""
    if "." not in word and (fields := ending_in(word)):
        return fields[:_NEAR]
    words = [*(code.value for code in Code), *(reason.value for reason in StuckReason), *names_beside(word)]
    likely = {known.lower(): known for known in words}
    return [likely[found] for found in get_close_matches(word.lower(), likely, _NEAR)]


@cache
def sections() -> dict[str, str]:
    """The sections of `explanations.md`, by heading."""
    text = (importlib.resources.files("batchspec.render.findings") / "explanations.md").read_text("utf-8")
    parts = (part.partition("\n") for part in text.split("\n## ")[1:])
    return {heading: body.strip() for heading, _, body in parts}


def _plain(section: str) -> str:
    """*section* with its example indented instead of fenced."""
    before, example, after = re.split(r"```\w*\n", section)
    return f"{before}{textwrap.indent(example, '    ')}{after}"


def _of_field(dotted: str) -> str | None:
    found = field(dotted)
    if found is None:
        return None
    parts = [f"{found.path}: {found.kind}" if found.kind else found.path]
    if found.description:
        parts.append(textwrap.fill(found.description, _WIDTH))
    parts += [f"Example: {json.dumps(example, ensure_ascii=False)}" for example in found.examples]
    if found.fields:
        parts.append("\n".join(("Fields:", *_listed(found.fields))))
    return "\n\n".join(parts) + "\n"


def _listed(items: dict[str, str]) -> list[str]:
    """A line for each item, cut where the page ends."""
    width = max(map(len, items))
    return [f"  {name:<{width}}  {_cut(text, _WIDTH - width)}" for name, text in items.items()]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else textwrap.shorten(text, width, placeholder=" …")
