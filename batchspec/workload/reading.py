"""A spec file and what selects a workload besides it, to a `Spec`; and all that there is to say of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from batchspec.errors import SpecError, UsageError
from batchspec.secrecy import keep_secret
from batchspec.source import Diagnostic, Severity, Source, in_order

if TYPE_CHECKING:
    from batchspec.engine.look.machine.project import Ask, Project
    from batchspec.language.build import Examined
    from batchspec.language.model import Spec


class Environment(NamedTuple):
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


_ALONE = Environment()


def settings_of(params: Mapping[str, object]) -> tuple[str, ...]:
    """*params* as `--set` takes them: a text as it is, anything else as JSON writes it."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    return tuple(f"{name}={text}" for name, text in texts.items())


def read_spec(spec_file: Path, environment: Environment = _ALONE, *, takes_over: bool = False) -> Spec:
    """The spec in *spec_file* in *environment*. Raises `SpecError` or `UsageError`."""
    examined = _examined(spec_file, environment)
    if examined.spec is None or examined.is_wrong:
        raise SpecError(examined.findings)
    return examined.spec._replace(takes_over=takes_over)


def check(
    spec_file: Path, environment: Environment = _ALONE, ask: Ask | None = None
) -> tuple[Diagnostic, ...]:
    """All there is to say about a spec and its local inputs, in order of position."""
    return checked(spec_file, environment, ask)[1]


def checked(
    spec_file: Path, environment: Environment, ask: Ask | None = None
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """The spec, None where it cannot be read as one; and all there is to say about it."""
    try:
        examined = _examined(spec_file, environment)
    except SpecError as error:
        return None, error.diagnostics
    more = (each for each in _of_inputs(examined, environment, ask) if not _is_told(each, examined.findings))
    return examined.spec, in_order([*examined.findings, *more])


def errors_of(findings: Iterable[Diagnostic]) -> int:
    """How many of *findings* are errors."""
    return sum(1 for finding in findings if finding.severity is Severity.ERROR)


def project_of(
    spec: Spec, environment: Environment, ask: Ask | None = None, *, overwrite: bool = False
) -> Project:
    """What *spec* may read and write on this machine; *ask* is asked about more."""
    from batchspec.desired.places import Places
    from batchspec.engine.look.machine.project import Project, nobody

    folder = Places.of(spec).folder
    return Project(folder, environment.allowed_paths, ask or nobody, overwrites=overwrite)


def _examined(spec_file: Path, environment: Environment) -> Examined:
    """The spec, as far as it can be made, and what was found. Raises `SpecError` for what is no YAML."""
    from batchspec.document.parser import parse, read
    from batchspec.engine.look.machine.project import file_in_project
    from batchspec.language.build import examine

    document, slips = read(_source(spec_file, "`batchspec init` writes a spec to start from"))
    help = "a --params file has lines such as `nodes: 5`"
    files = [parse(_source(file, help)) for file in environment.params_files]
    examined = examine(document, dict(_setting(text) for text in environment.settings), files)
    file = file_in_project(spec_file)
    spec = examined.spec and examined.spec._replace(flags=environment.flags, file=file)
    return examined._replace(spec=spec, findings=[*slips, *examined.findings])


def _source(file: Path, help: str) -> Source:
    from batchspec.document.parser import MAX_BYTES, decode

    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)  # more is refused, and a device never ends
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", help=_meant(file) or help) from error
    _keep_secrets(data)
    return decode(data, str(file))


def _meant(file: Path) -> str:
    """What may have been meant by the path of a *file* that cannot be read: a name beside it, a file in a folder."""
    import difflib

    if os.path.isdir(file):  # noqa: PTH112 (of a name that is too long, a Path raises)
        return "name a spec in this folder"
    with suppress(OSError):
        names = [beside.name for beside in file.parent.iterdir() if beside.name != file.name]
        if near := difflib.get_close_matches(file.name, names, 1, cutoff=0.8):
            return f"did you mean {file.with_name(near[0])}?"
    return ""


def _keep_secrets(data: bytes) -> None:
    """Keeps the values of the variables that a spec names: nodes may say them, long after they were sent."""
    for piece in data.split(b"fromEnvironment")[1:]:
        if match := re.match(rb"[\"']?\s*:\s*[\"']?(\w+)", piece):
            keep_secret(os.environ.get(match[1].decode()))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {text}: expected NAME=VALUE", help="for example --set bitrate=128k")
    return name, value


def _is_told(finding: Diagnostic, findings: Sequence[Diagnostic]) -> bool:
    """Whether *finding* is among *findings*, or follows from an error that is."""
    errors = (each for each in findings if each.severity is Severity.ERROR)
    return finding in findings or any(
        error.position == finding.position or (error.code, error.path) == (finding.code, finding.path)
        for error in errors
    )


def _of_inputs(examined: Examined, environment: Environment, ask: Ask | None) -> Sequence[Diagnostic]:
    """What there is to say of the inputs, and of the tasks that they make; also where something else is wrong."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.language.build import WRONG_SHAPE
    from batchspec.ledger.database import WRONG_VALUE

    if examined.spec is None:
        return ()
    with suppress(*WRONG_SHAPE, *WRONG_VALUE) if examined.is_wrong else nullcontext():
        try:
            project = project_of(examined.spec, environment, ask)
            return desired_now(examined.spec, None, project).spec.warnings
        except SpecError as error:
            return error.diagnostics
    return ()
