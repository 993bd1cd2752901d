"""A plan for a pull request: what it comes to in a table, and the detail folded away.

Whatever comes from names or values stands in code, so that no mention, link, table or
HTML in it is read as such (REQUIREMENTS S-22).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain

from batchspec.counts import count_text
from batchspec.plan.checks.safety import excess_line
from batchspec.plan.model import Action, Operation, Plan, Share
from batchspec.render.cost import estimate_text
from batchspec.render.findings.diagnostics import as_text
from batchspec.render.findings.judgement import judgement, verdict
from batchspec.render.plans.as_text import Section, counts_text, sections
from batchspec.render.plans.markdown import code, fenced, folded, table
from batchspec.source import Diagnostic, path_text

LONGEST = 60_000
"""Characters; the forges' limit on a comment is a little above (GitHub: 65,536)."""

_WORDS = {
    Operation.CREATE: "create",
    Operation.UPDATE: "update",
    Operation.REPLACE: "**replace**",
    Operation.DELETE: "**delete**",
}
_STAY = {"IN_PROGRESS": "in progress", "UP_TO_DATE": "up to date", "NOT_SELECTED": "not selected"}
_PART = LONGEST // 8  # what each part above the fold may take
_FOLD = 100  # characters around what is folded


def plan_markdown(plan: Plan, *, id: str, environment: str, warnings: Sequence[Diagnostic] = ()) -> str:
    """*plan* as a comment, with the *warnings* of its spec.

    The first line is a hidden marker by which the next run finds it to replace it. Plans of one name for another
    *environment* (the spec's file, its parameters, the account) have another marker, and are comments beside it.
    """
    key = blake2b(environment.encode(), digest_size=5).hexdigest()
    consents = len(plan.consents)
    verb = "would delete, replace or drain a resource"
    head = [
        f"<!-- batchspec plan {_word(plan.spec_name)} {key} -->",
        f"### batchspec plan: {code(plan.spec_name)}",
        "",
        fenced([environment], _PART),
        "",
        counts_text(plan),
        "",
        *([f"**{count_text(consents, 'action')} {verb}.**", ""] if consents else []),
        *_cost(plan),
        *_judgement(plan, warnings),
        *_resources(plan),
        *_groups(plan),
        f"plan id `{id}`",
        "",
    ]
    return "\n".join([*head, *_details(plan, LONGEST - sum(len(line) + 1 for line in head))])


def _cost(plan: Plan) -> Iterator[str]:
    if plan.cost is not None:
        text = estimate_text(plan.cost)
        yield from (f"Cost: {text}." if not plan.cost.hourly.unknown else fenced([text], _PART), "")


def _resources(plan: Plan) -> Iterator[str]:
    """What becomes of pool, job and packages, and why."""
    if plan.resources:
        rows = ([f"{a.kind.value} {code(a.id)}", _WORDS[a.operation], _why(a)] for a in plan.resources)
        yield from (*table(("resource", "change", "why"), rows, _PART), "")


def _why(action: Action) -> str:
    fields = ", ".join(code(path_text(change.path)) for change in action.changes)
    return f"{action.reason.value}: {fields}" if fields else action.reason.value


def _groups(plan: Plan) -> Iterator[str]:
    """How many tasks of each group run, and why."""
    shares = list(plan.work.shares)
    if shares:
        stay = [word for word in _STAY if any(share.verdict == word for share in shares)]
        head = ("group", "to run:", "why", *(f"{_STAY[word]}:" for word in stay))
        names = dict.fromkeys(share.group for share in shares)
        rows = (_group([share for share in shares if share.group == name], stay) for name in names)
        yield from (*table(head, rows, _PART), "")


def _group(shares: Sequence[Share], stay: Sequence[str]) -> list[str]:
    runs = {share.reason.value: share.tasks for share in shares if share.reason}
    others = {share.verdict: share.tasks for share in shares}
    why = ", ".join(f"{tasks} {reason}" for reason, tasks in runs.items())
    return [code(shares[0].group), f"{sum(runs.values())}", why, *(f"{others.get(word, 0)}" for word in stay)]


def _details(plan: Plan, room: int) -> Iterator[str]:
    """Every action, folded away: each part may take its share of the room, and what those before it have left."""
    doubts = judgement(replace(plan, findings=()))  # they stand above
    parts = list(_with_lines([*sections(plan, show_all=True), Section("not checked", doubts)]))
    for left, part in zip(range(len(parts), 0, -1), parts, strict=True):
        text = fenced(part.lines, room // left - _FOLD)
        room -= len(text) + _FOLD
        yield from folded(part.title, text)


def _with_lines(parts: Iterable[Section]) -> Iterator[Section]:
    for part in parts:
        if (first := next(part.lines, None)) is not None:
            yield part._replace(lines=chain([first], part.lines))


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
        yield from (fenced(as_text(findings, color=False).split("\n"), LONGEST // 4), "")


def _word(text: str) -> str:
    """A spec's name has letters, digits, `-` and `_` only; two hyphens would end an HTML comment."""
    return text.replace("--", "-\u2011")
