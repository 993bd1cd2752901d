"""Lints about what counts as a result: parts that fail unseen, and what an earlier try left behind."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.language.model import Spec, TaskGroup
from batchspec.language.unseen import unseen_part
from batchspec.source import Diagnostic, Path, Severity, path_text, value_at

_VALUE = "v"  # stands for a character that a placeholder put in
_LINES: tuple[Path, ...] = (
    ("pool", "startTask", "commandLine"),
    ("job", "jobManagerTask", "commandLine"),
    ("job", "jobPreparationTask", "commandLine"),
    ("job", "jobReleaseTask", "commandLine"),
)


def lint_results(spec: Spec) -> Iterator[Diagnostic]:
    for path in (*_LINES, *((*group.path, "commandLine") for group in spec.groups)):
        yield from _unseen(spec, path)
    for group in spec.groups:
        if group.may_be_unwrapped and group.outputs:
            yield from _kept(spec, group)


def _unseen(spec: Spec, path: Path) -> Iterator[Diagnostic]:
    text = value_at(spec.document.data, path)
    if not isinstance(text, str):
        return
    part = unseen_part(spec.document.without_values(path, text, _VALUE))
    if part is not None:
        yield spec.document.diagnostic(
            Code.FAILS_UNSEEN,
            f"{path_text(path)}: a part of this script may fail without the task failing",
            path,
            label="only the exit code of the last command counts",
            helps=(f"begin the script with `{part.help}`, or join its commands with `&&`",),
            span=(part.start, part.end),
            severity=Severity.WARNING,
        )


def _kept(spec: Spec, group: TaskGroup) -> Iterator[Diagnostic]:
    """A warning where tries that share one `out/` are allowed."""
    for path in ((*group.path, "constraints"), ("job", "constraints")):
        retries = (value_at(spec.document.data, path) or {}).get("maxTaskRetryCount")
        if retries is not None:
            if retries:
                where = (*path, "maxTaskRetryCount")
                yield spec.document.diagnostic(
                    Code.RETRY_KEEPS_OUTPUT,
                    f"{path_text(where)}: a retry of {group.name} finds what the failed attempt left in out/",
                    where,
                    label="Batch keeps the working directory",
                    helps=(
                        "write the command so that it overwrites its outputs, or set maxTaskRetryCount to 0:"
                        " the next apply runs failed tasks again, in a new directory",
                    ),
                    severity=Severity.WARNING,
                )
            return
