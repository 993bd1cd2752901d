"""What the commands share: the spec argument, common options, reading a spec."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from batchspec.cli.door import colored, confirm, put, say
from batchspec.cli.words import Choice
from batchspec.errors import SpecError, UsageError
from batchspec.secrecy import keep_secret
from batchspec.source import Diagnostic, Severity

if TYPE_CHECKING:
    from batchspec.document.document import Document
    from batchspec.engine.look.project import Project, Use
    from batchspec.language.build import Examined
    from batchspec.language.model import Spec
    from batchspec.service.connect import Account

spec_argument = click.argument("spec_file", metavar="SPEC", type=click.Path(path_type=Path))

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another value for one of the spec's params.",
)

params_option = click.option(
    "--params",
    "params_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A YAML file with values for the spec's params. Repeatable; later files win, --set wins over all.",
)

target_option = click.option(
    "--target",
    type=Choice(["local", "azure"]),
    envvar="BATCHSPEC_TARGET",
    help="Where to work. Default: Azure if its variables are set, else the local account.",
)

allow_path_option = click.option(
    "--allow-path",
    "allowed_paths",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    envvar="BATCHSPEC_ALLOW_PATH",
    help="A folder outside the project that the spec may read from and download to. Repeatable.",
)

overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Let downloads replace local files that batchspec did not download, or that were edited since.",
)

only_option = click.option(
    "--only",
    multiple=True,
    metavar="GROUP[/TASK]",
    help="Run these tasks and what they need, and nothing else. Repeatable.",
)

rerun_option = click.option(
    "--rerun",
    multiple=True,
    metavar="GROUP[/TASK]",
    help="Run these tasks again although they are up to date; what reads their outputs is not. Repeatable.",
)

take_over_option = click.option(
    "--take-over",
    "takes_over",
    is_flag=True,
    help="Let this file have what another spec file made under the same name: after a move, for example.",
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Environment:
    """What selects a workload besides its spec: values for its params, and where to work and read."""

    settings: tuple[str, ...] = ()
    params_files: tuple[Path, ...] = ()
    target: str | None = None
    allowed_paths: tuple[Path, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The words of a command line that select the same."""
        given = [("--params", str(file)) for file in self.params_files]
        given += [("--set", setting) for setting in self.settings]
        given += [("--target", self.target)] if self.target else []
        given += [("--allow-path", str(folder)) for folder in self.allowed_paths]
        return tuple(word for pair in given for word in pair)


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
    help="Wait this long (90s, 30m, 2h) for another apply of the spec to end. Default: not at all.",
)

approve_option = click.option(
    "--auto-approve", is_flag=True, help="Do not ask before deleting, replacing or emptying anything."
)

format_option = click.option(
    "--format",
    "form",
    type=Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or JSON for programs.",
)


def examples(*lines: str) -> str:
    """An epilog of examples, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def read_spec(spec_file: Path, environment: Environment | None = None, *, takes_over: bool = False) -> Spec:
    """The spec in *spec_file* in *environment*. Raises `SpecError` or `UsageError`."""
    examined = examine_spec(spec_file, environment or Environment())
    if examined.spec is None or examined.is_wrong:
        raise SpecError(examined.findings)
    return replace(examined.spec, takes_over=takes_over)


def examine_spec(spec_file: Path, environment: Environment) -> Examined:
    """What `read_spec` reads, and all that there is to say of it. Raises `SpecError` for what is no YAML."""
    from batchspec.engine.look.project import file_in_project
    from batchspec.language.build import examine

    document = _read(spec_file, "`batchspec init` writes a spec to start from")
    files = [_read(file, "a --params file has lines such as `nodes: 5`") for file in environment.params_files]
    examined = examine(document, dict(_setting(text) for text in environment.settings), files)
    file = file_in_project(spec_file)
    spec = examined.spec and replace(examined.spec, flags=environment.flags, file=file)
    return examined._replace(spec=spec)


def _read(file: Path, help: str) -> Document:
    from batchspec.document.document import decode, parse

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", help=help) from error
    _keep_secrets(data)
    return parse(decode(data, str(file)))


def _keep_secrets(data: bytes) -> None:
    """Keeps the values of the variables that a spec names: nodes may say them, long after they were sent."""
    for piece in data.split(b"fromEnvironment")[1:]:
        if match := re.match(rb"[\"']?\s*:\s*[\"']?(\w+)", piece):
            keep_secret(os.environ.get(match[1].decode()))


def warn(spec: Spec) -> None:
    """The spec's warnings, on stderr."""
    if spec.warnings:
        from batchspec.render import diagnostics

        put(f"{diagnostics.as_text(spec.warnings, color=colored())}\n", err=True)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {text}: expected NAME=VALUE", help="for example --set bitrate=128k")
    return name, value


def project_of(spec: Spec, environment: Environment, *, overwrite: bool = False) -> Project:
    """What *spec* may read and write on this machine. Who sits at a terminal is asked about more."""
    from batchspec.desired.places import Places
    from batchspec.engine.look.project import Project

    def ask(use: Use, folder: Path) -> bool:
        what = f"{spec.document.source.name} {use.value} {folder}, outside the project {project.root}."
        return confirm(f"{what} Type `yes` to allow it:", approved=False)

    project = Project(Places.of(spec).folder, environment.allowed_paths, ask, overwrites=overwrite)
    return project


def open_account(spec: Spec | None, target: str | None, *, project: Project | None = None) -> Account:
    """The account a command works on, closed at its end. On stderr it says which, the local one in so many words.

    With *project*, a spec whose inputs are wrong does not even start the local account.
    """
    from batchspec.service.connect import choose_target, connect

    chosen = choose_target(target or (spec.target if spec else None))
    if project is not None and spec is not None and chosen == "local":
        _check_inputs_before_start(spec, project)
    account = connect(chosen, lambda text: say(text))
    context = click.get_current_context()
    context.call_on_close(account.close)
    context.with_resource(account.heard(say))
    context.find_root().obj = account  # for who has to hurry it when a signal comes
    kind = "local account" if account.is_local else "Azure Batch account"
    say(f"{kind}: {account.name}")
    return account


def _check_inputs_before_start(spec: Spec, project: Project) -> None:
    """Raises `SpecError` for wrong local inputs, if the local account would have to be started first."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.service import embedded

    if embedded.find() is None:
        desired_now(spec, None, project)


def errors_of(findings: Iterable[Diagnostic]) -> int:
    """How many of *findings* are errors."""
    return sum(1 for finding in findings if finding.severity is Severity.ERROR)
