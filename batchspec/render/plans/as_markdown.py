"""A plan for a pull request: a headline, the counts, and the detail folded away.

Whatever comes from names or values stands in code, so that no mention, link, table or
HTML in it is read as such (REQUIREMENTS S-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b

from batchspec.counts import count_text
from batchspec.plan.checks.safety import excess_line
from batchspec.plan.model import Plan
from batchspec.render.cost import estimate_text
from batchspec.render.findings.diagnostics import as_text
from batchspec.render.findings.judgement import verdict
from batchspec.render.plans.as_text import counts_text, plan_text
from batchspec.source import Diagnostic

LONGEST = 60_000
"""Characters; the hosts' limit on a comment is a little above."""


def plan_markdown(
    plan: Plan, header: str, *, id: str, environment: str, warnings: Sequence[Diagnostic] = ()
) -> str:
    """*plan* as a comment, with the *warnings* of its spec.

    The first line is a hidden marker by which the next run finds it to replace it. Plans of one name for another
    *environment* (the spec's file, its parameters, the account) have another marker, and are comments beside it.
    """
    key = blake2b(environment.encode(), digest_size=5).hexdigest()
    marker = f"<!-- batchspec plan {_word(plan.spec_name)} {key} -->"
    consents = len(plan.consents)
    warning = (
        [f"**{consents} of its actions would delete, replace or drain a resource.**", ""] if consents else []
    )
    head = [
        marker,
        f"### batchspec plan: `{_word(plan.spec_name)}`",
        "",
        _fenced(environment, len(environment)),
        "",
        counts_text(plan),
        "",
        *_cost(plan),
        *warning,
        *_judgement(plan, warnings),
        f"plan id `{id}`",
        "",
        "<details><summary>every action</summary>",
        "",
    ]
    tail = ["", "</details>", ""]
    room = LONGEST - sum(len(line) + 1 for line in [*head, *tail]) - 200
    text = plan_text(replace(plan, findings=()), show_all=True)  # they stand above
    return "\n".join([*head, _fenced(f"{header}\n{text}", room), *tail])


def _cost(plan: Plan) -> Iterator[str]:
    if plan.cost is not None:
        text = estimate_text(plan.cost)
        yield from (
            (f"Cost: {text}.", "") if not plan.cost.hourly.unknown else (_fenced(text, LONGEST // 4), "")
        )


def _judgement(plan: Plan, warnings: Sequence[Diagnostic]) -> Iterator[str]:
    """What speaks against the plan; it is not folded away."""
    if plan.errors:
        yield from (f"**{verdict(plan)}**", "")
    for excess in plan.excesses:
        yield from (f"**{excess_line(excess)}**: apply needs `--allow {excess.name}`.", "")
    if plan.strays:
        nodes = count_text(sum(stray.nodes for stray in plan.strays), "node")
        yield from (
            f"**Pools and jobs that are no longer in the spec: {len(plan.strays)}, with {nodes}.**",
            "",
        )
    findings = [*warnings, *plan.findings]
    if findings:
        yield from (_fenced(as_text(findings, color=False), LONGEST // 4), "")


def _fenced(text: str, room: int) -> str:
    """*text* in a code fence longer than any run of backticks in it, cut at a line when it is too long."""
    if len(text) > room:
        kept = text[:room].rpartition("\n")[0]
        left = text.count("\n") - kept.count("\n")
        text = f"{kept}\n… {left} more lines: run `plan --all`\n"
    # GitHub Actions reads lines that begin with two colons as commands, in logs where this may be printed too.
    text = re.sub(r"^(\s*)::", r"\1: :", text, flags=re.MULTILINE)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _word(text: str) -> str:
    """A spec's name has letters, digits, `-` and `_` only; two hyphens would end an HTML comment."""
    return text.replace("--", "-\u2011")
