"""Templates at their place in a document: compiled, and what is wrong with them as findings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.language.templates.expression import LITERAL_HELP, TemplateError
from batchspec.language.templates.mentions import Unknown, misplaced_lists, nearest_name, unknown_references
from batchspec.language.templates.template import Placeholder, Template, compile_script, compile_text
from batchspec.source import Diagnostic, Path

_TOLD = 20  # of each template: finding the place of a placeholder takes a look at all of its text


def compiled(
    document: Document,
    text: str,
    path: Path,
    known: Mapping[str, Any],
    findings: list[Diagnostic] | None,
    *,
    script: bool = False,
    is_word: bool = False,
) -> Template | None:
    """The template *text* at *path*, or None; what is wrong with it is added to *findings*, unless told elsewhere.

    *known* has the names that it may read. With *is_word*, it is a word of a command: a list may be all of it.
    """
    try:
        template = compile_script(text) if script else compile_text(text)
    except TemplateError as error:
        if findings is not None:
            findings.append(render_finding(document, error, path))
        return None
    if findings is None:
        return template
    unknowns = islice(unknown_references(template, known), _TOLD)
    findings += (_undefined(document, unknown, path, known) for unknown in unknowns)
    misplaced = islice(misplaced_lists(template, known, is_word=is_word), _TOLD)
    findings += (_list_in_text(document, template, placeholder, path) for placeholder in misplaced)
    return template


def _list_in_text(document: Document, template: Template, placeholder: Placeholder, path: Path) -> Diagnostic:
    return document.diagnostic(
        Code.LIST_IN_TEXT,
        f"`{template.text[placeholder.start : placeholder.end]}` is a list, and one value is expected here",
        path,
        span=(placeholder.start, placeholder.end),
        label="a list",
        helps=(
            "make it a word of its own, use `.first` or `.last`, or join it: `| join(' ')`",
            "or give each task a single value: add it to `per`",
        ),
    )


def render_finding(document: Document, error: TemplateError, path: Path) -> Diagnostic:
    """What *error* says, at its characters of the text at *path*."""
    return document.diagnostic(
        error.code, error.message, path, label=error.label, helps=error.helps, span=(error.start, error.end)
    )


def _undefined(document: Document, unknown: Unknown, path: Path, known: Mapping[str, Any]) -> Diagnostic:
    return document.diagnostic(
        Code.UNDEFINED_VARIABLE,
        f"`{'.'.join(unknown.reference)}` is not defined",
        path,
        span=(unknown.start, unknown.end),
        label="undefined",
        helps=_way_out(unknown, known),
    )


def _way_out(unknown: Unknown, known: Mapping[str, Any]) -> tuple[str, ...]:
    top = unknown.reference[0]
    if top == "input" and top not in known and "inputs" in known:
        return ("a task with `per`, `collect` or `chunk` has `inputs`, such as `inputs.paths`",)
    if top == "input" and top not in known:
        return ("only tasks with `inputs` have an input",)
    if top == "output" and top not in known:
        return ("give the task group an `output: NAME`, then `output.path` is where to write it",)
    if unknown.reference == ("input", "size"):
        return ("only of files that are there before the run: what another task makes has no size yet",)
    if nearest := nearest_name(unknown.reference, known):
        return (f"did you mean `{nearest}`?",)
    names = [f"{group}.{name}" for group, members in known.items() for name in members]
    return (f"available: {', '.join(names)}", *([] if top in known else [LITERAL_HELP]))
