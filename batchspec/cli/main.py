"""`batchspec`: the commands by name, and errors turned into text and an exit code."""

from __future__ import annotations

import atexit
import builtins
import errno
import gc
import importlib
import keyword
import os
import signal
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import click

from batchspec.cli import leave, signals
from batchspec.cli.door import escape_what_cannot_be_said, say
from batchspec.cli.errors import misused, report_error
from batchspec.cli.words import meant
from batchspec.errors import BatchspecError, UsageError
from batchspec.version import __version__

# Each is a module of `cli/commands` with a click command of the same name (`import_` for
# `import`, `list_` for `list`: words of Python's own). They are imported when they are asked for: `validate`
# needs no Azure package, and the list of commands needs none of them.
_COMMANDS = {
    "init": "Print a starter spec with every line explained.",
    "validate": "Check specs and their input files.",
    "render": "Print the spec with its params inserted.",
    "graph": "Print the groups of a spec and their dependencies as a flowchart.",
    "plan": "Show what apply would do.",
    "apply": "Create or update everything, run the tasks, download their outputs.",
    "drift": "Show where the pool and the open job differ from the spec.",
    "show": "Print a saved plan and what became of it.",
    "status": "Show the pool, the job and the tasks of a spec.",
    "logs": "Print the output of a task.",
    "ssh": "Open a shell on a node, or run a command there.",
    "report": "Report how the tasks of a spec ran, as a page or a table.",
    "list": "List the pools and jobs of all specs in the account.",
    "cancel": "End waiting and running tasks after confirmation.",
    "download": "Download outputs that are missing or differ locally.",
    "destroy": "Delete the spec's jobs, pools and blobs after confirmation.",
    "import": "Print a spec for what is in the account, or for Batch Shipyard.",
    "explain": "Explain a finding, a field of a spec, or why a run is stuck.",
    "schema": "Print the JSON Schema of a spec for editors and other tools.",
    "completion": "Print the completion script for a shell.",
    "local": "Manage the local account: Batch and Blob Storage on this machine.",
}

_SHOWING = frozenset(
    {
        "init",
        "validate",
        "render",
        "graph",
        "plan",
        "drift",
        "show",
        "status",
        "logs",
        "report",
        "list",
        "explain",
        "schema",
        "completion",
    }
)
"""The commands that change nothing: whoever pipes them into `head` has what was wanted."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SQLITE_FULL = 13


def _listen(_context: click.Context, _option: click.Parameter, level: int) -> None:
    if level:
        from batchspec.cli.verbose import listen

        listen(level)


def _verbose_option() -> click.Option:
    """`-v`, which stands before a command as well as behind it."""
    return click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_listen,
        help="Log requests to stderr; -vv adds debug logs of the SDKs. Secrets are redacted.",
    )


class _Commands(click.Group):
    """Finds commands by module, in the order of a workload's life."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        is_taken = keyword.iskeyword(cmd_name) or hasattr(builtins, cmd_name)
        name = f"{cmd_name}_" if is_taken else cmd_name
        module = importlib.import_module(f"batchspec.cli.commands.{name}")
        command: click.Command = getattr(module, name)
        for each in (command, *getattr(command, "commands", {}).values()):
            if not any(option.name == "verbose" for option in each.params):
                each.params.append(_verbose_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}.{meant(args[0], _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click itself would end the process with 1, and in silence
            return _cut_off()


@click.group(
    cls=_Commands,
    params=[_verbose_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n  batchspec init > work.yaml\n  batchspec plan specs/ffmpeg.yaml\n"
    "  batchspec apply specs/ffmpeg.yaml",
)
@click.version_option(__version__, prog_name="batchspec")
def cli() -> None:
    """Run an Azure Batch workload from one YAML spec.

    Without an Azure account in the environment, commands use the local account,
    which runs tasks as processes on this machine.
    """


def main() -> None:
    """Runs the command and ends the process with its exit code."""
    atexit.register(leave.no_more)  # after threads have ended, which may take a while
    signals.listen()
    escape_what_cannot_be_said()
    sys.excepthook = _crash
    threading.excepthook = lambda args: _crash(args.exc_type, args.exc_value, args.exc_traceback)
    code = _code()
    leave.at_once()  # Python itself may take a moment to end
    gc.freeze()  # else it looks through all that is still alive, only to end
    sys.exit(code)


def _code() -> int:
    """Runs the command, reports its errors on stderr, and returns its exit code."""
    try:
        code = cli.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        return _cut_off()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UsageError.exit_code
    except click.UsageError as error:
        return _reported(misused(error))
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt):
        return _interrupted(signal.SIGINT)
    except signals.Terminated as error:
        return _interrupted(error.number)
    except BatchspecError as error:
        return _reported(error)
    except Exception as error:
        if (number := signals.signal_in(error)) is not None:
            return _interrupted(number)
        if _is_full(error):
            where = getattr(error, "filename", None)
            say(f"error: the disk is full{f': {where}' if where else ''}")
        elif isinstance(error, OSError):  # our own output cannot be written: a closed descriptor
            say(f"error: {error.filename or 'cannot write the output'}: {error.strerror}")
        else:
            raise
        return 1
    return code if isinstance(code, int) else 0


def _reported(error: BatchspecError) -> int:
    try:
        report_error(error)
    except BrokenPipeError:
        _write_nowhere()
    return error.exit_code


def _interrupted(number: int) -> int:
    with suppress(OSError):
        say(leave.interrupted())
    return 128 + number


def _is_full(error: BaseException) -> bool:
    """Whether a disk, or a share of it, takes no more; SQLite says so in its own way."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", None) == _SQLITE_FULL


def _crash(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        leave.leave(signal.SIGINT)
    if isinstance(error, signals.Terminated):
        leave.leave(error.number)
    from batchspec.cli.verbose import crash

    crash(kind, error, where)


def _cut_off() -> int:
    """The exit code when the reader of our output has gone: what only shows is done, what changes things is not."""
    command = sys.argv[1]
    if code := int(command not in _SHOWING):
        with suppress(OSError):
            say(f"error: {command} was interrupted: its output was closed")
            say(f"  help: {leave.how_to_resume()}")
    _write_nowhere()
    return code


def _write_nowhere() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # what is still to be written at the end has no reader either
        os.dup2(nowhere, stream.fileno())
