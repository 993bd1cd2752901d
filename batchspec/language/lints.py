"""Lints: what is right by every rule and likely to hurt all the same. All of them are warnings.

They look at the file's own text, so that each can point at the very characters.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from batchspec.codes import Code
from batchspec.language.model import Spec
from batchspec.language.pool_rules import is_windows
from batchspec.language.results import lint_results
from batchspec.language.templates.deferred import Deferred
from batchspec.patterns import lazy_regex
from batchspec.resources.equality import duration_s
from batchspec.resources.links import LINK_LIFE, LONGEST_LINK_LIFE
from batchspec.source import Diagnostic, Path, Severity, path_text, value_at

_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "fish", "busybox", "cmd", "powershell", "pwsh"})
_ONLY_IN_SHELLS = frozenset({"cd", "export", "source", "exit", "set", "ulimit", "umask"})
_OPERATOR_WORDS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "<<", "2>", "2>>", "2>&1", "&>"})
# They take such words, or such variables, for themselves.
_OWN_OPERATORS = frozenset({"expr", "test", "[", "find"})
_OWN_VARIABLES = frozenset({"awk", "gawk", "mawk", "perl", "sed", "jq"})

_VARIABLE_WORD = lazy_regex(r"[^\s$]*\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][^}\s]*\})\S*")
_SHELL_SYNTAX = lazy_regex(
    r"&&|\|\|?|;|&>|\d?>>?(?:&\d)?|<<?|`|\$\(|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|%[A-Z][A-Z0-9_]{2,}%|(?<=\s)&(?=\s|$)"
)
_PLACEHOLDER = lazy_regex(r"\{\{.*?\}\}", re.DOTALL)
_QUOTED = lazy_regex(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)

_INPUT_FOLDER = lazy_regex(r"\{\{\s*input\.folder\s*\}\}/")

_APT = lazy_regex(r"\bapt(?:-get)?\s+(?:-\S+\s+)*(?:update|install|upgrade|dist-upgrade|full-upgrade)\b")
_WAITS = lazy_regex(r"DPkg::Lock::Timeout|\bflock\b|\bfuser\b|\b(?:for|while|until)\b.*\bdo\b", re.DOTALL)


def lint(spec: Spec) -> list[Diagnostic]:
    """What in *spec* is worth a warning."""
    return [
        *_commands(spec),
        *_start_task(spec),
        *_bounds(spec),
        *_folders(spec),
        *_formula(spec),
        *lint_results(spec),
    ]


# A formula ----------------------------------------------------------------------------------


def _formula(spec: Spec) -> Iterator[Diagnostic]:
    """Names in the pool's formula that nobody gave a value. A formula that cannot be read is told elsewhere."""
    path: Path = ("pool", "autoScaleFormula")
    text = spec.pool.body.get("autoScaleFormula") if spec.pool else None
    if not isinstance(text, str) or isinstance(text, Deferred):
        return
    from batchspec.formula.syntax import (
        FormulaSyntaxError,  # a sixth of the start-up: not before there is a formula
    )
    from batchspec.formula.unknown import unknown

    with suppress(FormulaSyntaxError):
        for at, name in unknown(text):
            yield spec.document.diagnostic(
                Code.UNKNOWN_IN_FORMULA,
                f"{path_text(path)}: `{name}` is not documented",
                path,
                label="an evaluation that needs it fails, and the pool keeps its size",
                span=at.span(text, name.removesuffix("()")),
                severity=Severity.WARNING,
            )


# A command without a shell ----------------------------------------------------------------


def _commands(spec: Spec) -> Iterator[Diagnostic]:
    """Commands in which something stands that only a shell would understand, and there is none."""
    data: Mapping[str, Any] = spec.document.data
    lines = [
        ("pool", "startTask", "commandLine"),
        *(
            ("job", name, "commandLine")
            for name in ("jobManagerTask", "jobPreparationTask", "jobReleaseTask")
        ),
        *((*group.path, "commandLine") for group in spec.groups),
    ]
    for path in lines:
        text = value_at(data, path)
        if isinstance(text, str):
            yield from _raw_line(spec, path, text)
    for group in spec.groups:
        if group.command.words:
            yield from _words(spec, (*group.path, "command"), [word.text for word in group.command.words])


def _raw_line(spec: Spec, path: Path, text: str) -> Iterator[Diagnostic]:
    """The first piece of shell syntax outside of quotes, where the line does not start a shell."""
    bare = _blanked(spec.document.without_values(path, text, _BLANK))
    first = bare.split(maxsplit=1)[0] if bare.strip() else ""
    if _program(first) in _SHELLS or (first and set(first) == {_BLANK}):
        return
    match = _SHELL_SYNTAX.search(bare)
    if match is None and first in _ONLY_IN_SHELLS:
        match = re.search(re.escape(first), bare)
    if match is not None:
        shell = 'cmd /c "…"' if _is_windows(spec) else "/bin/bash -c '…'"
        yield spec.document.diagnostic(
            Code.SHELL_SYNTAX,
            f"{path_text(path)}: `{match[0]}` means nothing without a shell",
            path,
            label="the node starts the program directly",
            helps=(f"start one: {_in_shell(str(value_at(spec.document.raw, path)), shell)}",),
            span=match.span(),
            severity=Severity.WARNING,
        )


_BLANK = "\x00"


def _blanked(text: str) -> str:
    """*text* with placeholders and quoted stretches blanked out, every other character at its place."""
    for pattern in (_PLACEHOLDER, _QUOTED):
        text = pattern.sub(lambda match: _BLANK * len(match[0]), text)
    return text


def _program(word: str) -> str:
    return re.split(r"[/\\]", word)[-1].lower().removesuffix(".exe")


def _in_shell(text: str, shell: str) -> str:
    """*shell* with *text* in place of its dots; as it is where *text* would end the quotes, or is long."""
    quote = shell[-1]
    line = " ".join(text.split())
    return shell.replace("…", line) if quote not in line and len(line) <= 100 else shell


def _is_windows(spec: Spec) -> bool:
    return spec.pool is not None and is_windows(spec.pool.body.get("virtualMachineConfiguration") or {})


def _words(spec: Spec, path: Path, words: Sequence[str]) -> Iterator[Diagnostic]:
    """The first word that is meant for a shell, in a list whose words all reach the program as they are."""
    program = _program(words[0])
    if program in _SHELLS or "-exec" in words:
        return
    for i, word in enumerate(words):
        text = _PLACEHOLDER.sub("", word)
        if (
            (text in _OPERATOR_WORDS and program not in _OWN_OPERATORS)
            or (_VARIABLE_WORD.fullmatch(text) and program not in _OWN_VARIABLES)
            or (i == 0 and text in _ONLY_IN_SHELLS)
        ):
            yield spec.document.diagnostic(
                Code.SHELL_SYNTAX,
                f"{path_text(path)}: `{word}` means nothing without a shell",
                (*path, i),
                label=f"reaches {words[0]} as it is" if i else "no program has this name",
                helps=(_as_text(words),),
                severity=Severity.WARNING,
            )
            return


def _as_text(words: Sequence[str]) -> str:
    """How to write the list as text, which bash runs."""
    mixed = any(_PLACEHOLDER.search(word) and re.search(r"\s", _PLACEHOLDER.sub("", word)) for word in words)
    line = " ".join(
        word if "{{" in word or not re.search(r"\s", word) else shlex.quote(word) for word in words
    )
    if mixed or len(line) > 200:
        return "write the command as text, not as a list: bash runs it, and quotes every placeholder"
    return f"write it as text, which bash runs:\ncommand: >-\n  {line}"


# Start tasks ------------------------------------------------------------------------------


def _start_task(spec: Spec) -> Iterator[Diagnostic]:
    start = value_at(spec.document.data, ("pool", "startTask"))
    if start is None:
        return
    if start.get("waitForSuccess") is False:
        yield spec.document.diagnostic(
            Code.START_TASK_NOT_AWAITED,
            "pool.startTask.waitForSuccess: nodes take tasks before the start task ended, and when it failed",
            ("pool", "startTask", "waitForSuccess"),
            label="tasks meet a node that is not ready",
            helps=("remove the line: true is the default",),
            severity=Severity.WARNING,
        )
    text = str(start.get("commandLine", ""))
    match = _APT.search(text)
    if match and not _WAITS.search(text) and not start.get("maxTaskRetryCount"):
        yield spec.document.diagnostic(
            Code.BARE_APT,
            "the start task uses apt without waiting for the lock that a fresh node's own updates hold",
            ("pool", "startTask", "commandLine"),
            label="fails now and then on nodes that have just started",
            helps=(
                'check whether it is installed first, and retry for a while:\n/bin/bash -c "command -v NAME && exit 0;'
                ' for i in {1..30}; do apt-get update && apt-get install -y NAME && exit 0; sleep 10; done; exit 1"',
            ),
            span=match.span(),
            severity=Severity.WARNING,
        )


# Bounds in time ---------------------------------------------------------------------------


def _bounds(spec: Spec) -> Iterator[Diagnostic]:
    """Whether the links to inputs and outputs outlive queue and run (R-29). The job's limit bounds both."""
    if not spec.groups or spec.job is None or spec.identity is not None:
        return
    path = ("job", "constraints", "maxWallClockTime")
    bound = (spec.job.get("constraints") or {}).get("maxWallClockTime")
    if bound is None:
        yield _no_bound(spec, path)
    else:
        yield from bound_too_long(spec, LONGEST_LINK_LIFE)


def bound_too_long(spec: Spec, life: timedelta) -> Iterator[Diagnostic]:
    """That the job of *spec* may go on for longer than links last, of which *life* is the most."""
    path: Path = ("job", "constraints", "maxWallClockTime")
    bound = ((spec.job or {}).get("constraints") or {}).get("maxWallClockTime")
    if spec.identity is None and bound is not None and duration_s(bound) > life.total_seconds():
        yield spec.document.diagnostic(
            Code.BOUND_TOO_LONG,
            f"{path_text(path)}: {bound} is longer than links to inputs and outputs last ({life.days} days)",
            path,
            label="a task that starts or ends later fails",
            helps=(f"P{life.days}D at most; what is left then is run by the next apply",),
            severity=Severity.WARNING,
        )


def _no_bound(spec: Spec, path: Path) -> Diagnostic:
    runs = all("maxWallClockTime" in (group.body.get("constraints") or {}) for group in spec.groups)
    what = "waits in the queue" if runs else "waits in the queue and runs"
    return spec.document.diagnostic(
        Code.NO_TIME_BOUND,
        f"{path_text(path)} is missing: nothing bounds how long a task {what}",
        path,
        label=f"links to inputs and outputs last {LINK_LIFE.days} days",
        helps=("add `constraints: {maxWallClockTime: P1D}` to the job, or what suits it",),
        severity=Severity.WARNING,
    )


# Inputs and outputs -----------------------------------------------------------------------


def _folders(spec: Spec) -> Iterator[Diagnostic]:
    """Output names that begin with the input's folder, in which an output lies anyway."""
    for group in spec.groups:
        if group.output and (match := _INPUT_FOLDER.match(group.output.text)):
            path = (*group.path, "output")
            yield spec.document.diagnostic(
                Code.FOLDER_TWICE,
                f"{path_text(path)}: an output keeps the folder of its input, so this repeats it",
                path,
                label="would be there twice: a/a/name",
                helps=(f"write {group.output.text[match.end() :]!r}",),
                span=match.span(),
                severity=Severity.WARNING,
            )
