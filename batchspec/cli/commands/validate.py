"""`batchspec validate`: is the spec right? No network, no Azure package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import colored, put, put_file, put_object, say
from batchspec.cli.options import (
    Environment,
    allow_path_option,
    errors_of,
    examine_spec,
    examples,
    params_option,
    project_of,
    set_option,
)
from batchspec.cli.words import Choice
from batchspec.codes import Code
from batchspec.errors import SpecError
from batchspec.source import Diagnostic, Severity, in_order

if TYPE_CHECKING:
    from batchspec.language.build import Examined
    from batchspec.language.model import Spec


@click.command(
    epilog=examples(
        "batchspec validate specs/ffmpeg.yaml",
        "batchspec validate a.yaml b.yaml",
        "batchspec validate specs/*.yaml --format github",
    )
)
@click.argument("spec_files", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@params_option
@allow_path_option
@click.option(
    "--format",
    "form",
    type=Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="For people, for programs, or annotations of a pull request.",
)
def validate(
    spec_files: tuple[Path, ...],
    settings: tuple[str, ...],
    params_files: tuple[Path, ...],
    allowed_paths: tuple[Path, ...],
    form: str,
) -> int:
    """Check specs, with all findings of each file at once, and their local inputs.

    Exit code 0 when all are right, 65 when one is not; a warning is no error.
    """
    environment = Environment(settings, params_files, allowed_paths=allowed_paths)
    found: dict[Path, Sequence[Diagnostic]] = {}
    names: dict[str, Path] = {}
    for spec_file in spec_files:
        spec, of_file = _checked(spec_file, environment)
        found[spec_file] = [*of_file, *(_namesakes(spec, spec_file, names) if spec else ())]
    findings = [finding for said in found.values() for finding in said]
    valid = not errors_of(findings)
    if form == "text":
        for spec_file, said in found.items():
            _say(spec_file, said)
    else:
        _tell_programs(form, valid, spec_files, findings)
    return 0 if valid else SpecError.exit_code


def check(spec_file: Path, environment: Environment | None = None) -> tuple[Diagnostic, ...]:
    """All there is to say about a spec and its local inputs, in order of position."""
    return _checked(spec_file, environment or Environment())[1]


def _checked(spec_file: Path, environment: Environment) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """The spec, None where it cannot be read as one; and all there is to say about it."""
    try:
        examined = examine_spec(spec_file, environment)
    except SpecError as error:
        return None, error.diagnostics
    more = (each for each in _of_inputs(examined, environment) if not _is_told(each, examined.findings))
    return examined.spec, in_order([*examined.findings, *more])


def _namesakes(spec: Spec, spec_file: Path, names: dict[str, Path]) -> Iterator[Diagnostic]:
    """That another file has the same name; *names* has the files so far by the names of their specs."""
    other = names.setdefault(spec.name, spec_file)
    if other.resolve() != spec_file.resolve():
        yield spec.document.diagnostic(
            Code.NAME_COLLISION,
            f"{other} has the same name; one would change and delete what the other has made",
            ("name",),
            helps=("give one of them another `name`",),
        )


def _is_told(finding: Diagnostic, findings: Sequence[Diagnostic]) -> bool:
    """Whether *finding* is among *findings*, or follows from an error that is."""
    errors = (each for each in findings if each.severity is Severity.ERROR)
    return finding in findings or any(
        error.position == finding.position or (error.code, error.path) == (finding.code, finding.path)
        for error in errors
    )


def _of_inputs(examined: Examined, environment: Environment) -> Sequence[Diagnostic]:
    """What there is to say of the inputs, and of the tasks that they make; also where something else is wrong."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.language.build import WRONG_SHAPE

    if examined.spec is None:
        return ()
    with suppress(*WRONG_SHAPE) if examined.is_wrong else nullcontext():
        try:
            project = project_of(examined.spec, environment)
            return desired_now(examined.spec, None, project).spec.warnings
        except SpecError as error:
            return error.diagnostics
    return ()


def _tell_programs(
    form: str, valid: bool, spec_files: Sequence[Path], findings: Sequence[Diagnostic]
) -> None:
    from batchspec.render import diagnostics

    if form == "github":
        put_file(diagnostics.as_annotations(findings))
        return
    result = {
        "type": "validation",
        "valid": valid,
        "files": [str(spec_file) for spec_file in spec_files],
        "diagnostics": diagnostics.as_json(findings),
    }
    put_object(result)


def _say(spec_file: Path, findings: Sequence[Diagnostic]) -> None:
    """The findings on stderr with their number, and on stdout that the spec is right, when it is."""
    if findings:
        from batchspec.render import diagnostics

        text = diagnostics.as_text(findings, color=colored())
        put(text, err=True)
        say("")
        say(f"{diagnostics.tally(findings)}. Nothing was sent to Azure.")
    if not errors_of(findings):
        say(f"{spec_file}: valid", err=False)
