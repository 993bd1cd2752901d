"""Colours for pages that are safe to look at: signs of a plan, states of a workload. No word depends on them."""

from __future__ import annotations

import re

from batchspec.patterns import lazy_regex

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}

# Named by their colours. Values and commands are set in further than signs.
_PLAN = lazy_regex(
    r"^(?: {2}| {6})(?:(?P<green>\+)|(?P<yellow>[~?])|(?P<red>-/\+|-|!)|(?P<cyan>[>^vc])|(?P<dim>[=·…]))(?= )"
    r"|^(?P<bold>(?:Plan: |No changes: ).*)$",
    re.MULTILINE,
)
_STATUS = lazy_regex(
    r"^ {2}(?:(?P<red>STUCK\(\w+\))|(?P<yellow>DEGRADED\(\w+\)|LINKS))(?= )"
    r"|^ +(?P<red_2>failed): |^ {2}tasks .*$",
    re.MULTILINE,
)
_COUNTS = lazy_regex(
    r"(?P<green>=+|\d+ succeeded)|(?P<cyan>-+|\d+ running)|(?P<red>!+|\d+ (?:failed|not run))"
    r"|(?P<yellow>x+|\d+ cancelled)"
)
_SUMMARY = lazy_regex(
    r"^ {2}(?P<red>\d+ failed: .*)$|^(?P<red_2>\S+: \d+ failed\b.*)$|^(?P<green>\S+: all .* succeeded\b.*)$"
    r"|^ {2}(?P<dim>[a-z]+(?: [a-z]+)?)(?= {2,}\S)",
    re.MULTILINE,
)


def plan_painted(text: str) -> str:
    """A plan with its signs in colour."""
    return _PLAN.sub(_painted, text)


def status_painted(text: str) -> str:
    """A status with what is well and what is wrong in colour."""
    return _STATUS.sub(
        lambda match: _painted(match) if match.lastgroup else _COUNTS.sub(_painted, match[0]), text
    )


def summary_painted(text: str) -> str:
    """How a run ended, with what succeeded and what failed in colour."""
    return _SUMMARY.sub(_painted, text)


def _painted(match: re.Match[str]) -> str:
    group = str(match.lastgroup)
    before, after = match[0].split(match[group], 1)
    return f"{before}\x1b[{_CODES[group.removesuffix('_2')]}m{match[group]}\x1b[0m{after}"
