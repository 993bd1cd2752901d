"""What the commands share: the spec argument, common options, the workload of a command."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from batchspec.cli.door import colored, confirm, put, say
from batchspec.cli.words import Choice
from batchspec.errors import UsageError
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.engine.look.machine.project import Ask, Use
    from batchspec.language.model import Spec
    from batchspec.service.connect import Account
    from batchspec.workload.workload import Workload

_Command = TypeVar("_Command", bound=Callable[..., Any])

spec_argument = click.argument("spec_file", metavar="SPEC", type=click.Path(path_type=Path))


def spec_option(help: str) -> Callable[[_Command], _Command]:
    """`--spec SPEC`, for commands whose argument is something of the spec's."""
    return click.option(
        "--spec", "spec_file", required=True, metavar="SPEC", type=click.Path(path_type=Path), help=help
    )


set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a param of the spec. Repeatable.",
)

params_option = click.option(
    "--params",
    "params_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Read params from a YAML file. Repeatable: later files override earlier ones, --set overrides all.",
)

target_option = click.option(
    "--target",
    type=Choice(["local", "azure"]),
    envvar="BATCHSPEC_TARGET",
    help="Account to use. Default: Azure if its variables are set, else the local account.",
)

allow_path_option = click.option(
    "--allow-path",
    "allowed_paths",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    envvar="BATCHSPEC_ALLOW_PATH",
    help="Allow the spec to read from and download to a folder outside the project. Repeatable.",
)

overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Let downloads overwrite files that batchspec did not download or that were edited since.",
)

only_option = click.option(
    "--only",
    multiple=True,
    metavar="GROUP|TASK",
    help="Run only these tasks, named as a plan shows them, and what they depend on. Repeatable.",
)

rerun_option = click.option(
    "--rerun",
    multiple=True,
    metavar="GROUP|TASK",
    help="Run these tasks again even if up to date, but not the tasks that read their outputs. Repeatable.",
)

take_over_option = click.option(
    "--take-over",
    "takes_over",
    is_flag=True,
    help="Take over what another spec file created under the same name, for example after moving the file.",
)

prices_option = click.option(
    "--prices",
    metavar="FILE|URL|off",
    help="Take prices from this file or address instead of Azure's price list; on the local account, "
    "show costs as a rehearsal. Default: BATCHSPEC_PRICES.",
)


def environment_options(command: _Command) -> _Command:
    """*command*, which gets `--set`, `--params`, `--target` and `--allow-path` as its `environment`."""

    @set_option
    @params_option
    @target_option
    @allow_path_option
    @wraps(command)
    def collected(
        *,
        settings: tuple[str, ...],
        params_files: tuple[Path, ...],
        target: str | None,
        allowed_paths: tuple[Path, ...],
        **others: Any,
    ) -> Any:
        return command(environment=Environment(settings, params_files, target, allowed_paths), **others)

    return cast("_Command", collected)


def seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Seconds of `90`, `90s`, `30m`, `2h` or of an ISO 8601 duration: what an option of time is turned into."""
    from batchspec.resources.equality import duration_s

    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        if text.startswith("P"):
            return duration_s(text)
        found = float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)
    except ValueError:
        found = -1
    if not 0 <= found < _FOREVER_S:
        raise click.BadParameter(f"{text!r} is not a duration; use 90s, 30m or 2h")
    return found


_FOREVER_S = 10 * 365 * 86400.0

lock_timeout_option = click.option(
    "--lock-timeout",
    "lock_timeout_s",
    metavar="TIME",
    callback=seconds,
    default="0s",
    help="Wait this long (90s, 30m, 2h) for another apply of the spec to finish. Default: do not wait.",
)

approve_option = click.option(
    "--auto-approve",
    is_flag=True,
    help="Skip the confirmation.",
)

format_option = click.option(
    "--format",
    "form",
    type=Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)


def examples(*lines: str) -> str:
    """An epilog of examples, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def files_at(paths: Iterable[Path]) -> list[Path]:
    """The specs at *paths*; of a folder, the YAML files in it."""
    return [file for path in paths for file in (_yaml_files(path) if os.path.isdir(path) else [path])]  # noqa: PTH112


def _yaml_files(folder: Path) -> list[Path]:
    if found := sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml")):
        return found
    raise UsageError(f"{folder} has no YAML files")


def load(
    spec_file: Path, environment: Environment, *, takes_over: bool = False, prices: str | None = None
) -> Workload:
    """The workload of a command. Its account is closed with the command. Raises `SpecError` or `UsageError`."""
    from batchspec.workload.workload import Workload

    workload = Workload(
        spec_file, environment, tell=say, ask=ask_of(spec_file), takes_over=takes_over, prices=prices
    )
    context = click.get_current_context()
    context.call_on_close(workload.close)
    context.find_root().obj = workload  # for who has to hurry it when a signal comes
    return workload


def ask_of(spec_file: Path) -> Ask:
    """Asks who sits at a terminal about folders outside of the project of *spec_file*."""

    def ask(use: Use, folder: Path, project: Path) -> bool:
        what = f"{spec_file} {use.value} {folder}, outside the project {project}."
        return confirm(f'{what} Type "yes" to allow it:', approved=False)

    return ask


def open_account(target: str | None, prices: str | None = None) -> Account:
    """The account of a command that has no spec, closed at its end."""
    from batchspec.service.connect import choose_target
    from batchspec.workload.opening import opened

    context = click.get_current_context()
    account = opened(choose_target(target), say, context.with_resource(ExitStack()), prices)
    context.find_root().obj = account
    return account


def warn(spec: Spec) -> None:
    """The spec's warnings, on stderr."""
    if spec.warnings:
        from batchspec.render.findings import diagnostics

        put(f"{diagnostics.as_text(spec.warnings, color=colored())}\n", err=True)
