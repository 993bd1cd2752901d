"""Error reports: of a command that fails, or of one spec among several."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import click

from batchspec.cli.door import colored, put, put_object, say
from batchspec.errors import BatchspecError, SpecError, UsageError


def report_error(error: BatchspecError, file: str = "") -> None:
    """Writes what went wrong: for people to stderr, and with `--format json` for programs to stdout.

    *file* is the spec that it went wrong with, where a command has several.
    """
    if "batchspec.cli.verbose" in sys.modules:
        sys.modules["batchspec.cli.verbose"].tell(error)
    if _wants_json():
        put_object({"type": "error", **({"file": file} if file else {}), **_as_json(error)})
        return
    if isinstance(error, SpecError):
        from batchspec.render.findings import diagnostics

        put(diagnostics.as_text(error.diagnostics, color=colored()), err=True)
        return
    first, *rest = str(error).split("\n")
    where = f"{file}: " if file and file not in first else ""
    say(f"error: {where}{first}")
    for line in rest:
        say(f"    {line.strip()}")  # no line but the first says what kind of line it is
    if request_id := getattr(error, "request_id", ""):
        say(f"  request id: {request_id}")
    if error.help:
        say(f"  help: {error.help}")


def misused(error: click.UsageError) -> UsageError:
    """What click says of a command line, as all other errors are said."""
    message, context = error.format_message(), error.ctx
    if context is None:
        return UsageError(message)
    usage = f"{' '.join(context.get_usage().split())}; more with `{context.command_path} --help`"
    return UsageError(
        f"{message[:1].lower()}{message[1:]}".removesuffix("."), help=usage[:1].lower() + usage[1:]
    )


def _as_json(error: BatchspecError) -> dict[str, Any]:
    found: dict[str, Any] = {"message": str(error), "help": error.help, "exitCode": error.exit_code}
    if reason := getattr(error, "reason", ""):
        found["stuck"] = reason
    if isinstance(error, SpecError):
        from batchspec.render.findings import diagnostics

        found["diagnostics"] = diagnostics.as_json(error.diagnostics)
    return found


def _wants_json() -> bool:
    """Whether the command line asks for JSON; it may have failed before click could say so."""
    words = sys.argv[1:]
    return "--format=json" in words or ("--format", "json") in itertools.pairwise(words)
