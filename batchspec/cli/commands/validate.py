"""`batchspec validate`: is the spec right? No network, no Azure package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import colored, put, put_file, put_object, say
from batchspec.cli.options import (
    allow_path_option,
    ask_of,
    examples,
    files_at,
    params_option,
    set_option,
)
from batchspec.cli.words import Choice
from batchspec.codes import Code
from batchspec.errors import SpecError
from batchspec.source import Diagnostic
from batchspec.workload.reading import Environment, checked, errors_of

if TYPE_CHECKING:
    from batchspec.language.model import Spec


@click.command(
    epilog=examples(
        "batchspec validate specs/ffmpeg.yaml",
        "batchspec validate a.yaml b.yaml",
        "batchspec validate specs/ --format github",
    )
)
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@params_option
@allow_path_option
@click.option(
    "--format",
    "form",
    type=Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Output format; github writes annotations for a pull request.",
)
def validate(
    specs: tuple[Path, ...],
    settings: tuple[str, ...],
    params_files: tuple[Path, ...],
    allowed_paths: tuple[Path, ...],
    form: str,
) -> int:
    """Check specs and their input files.

    All findings of each file are listed at once. Of a folder, every YAML file in it is checked.
    Exits with 65 if a spec is invalid, else 0; warnings do not count.
    """
    environment = Environment(settings, params_files, allowed_paths=allowed_paths)
    found: dict[Path, Sequence[Diagnostic]] = {}
    names: dict[str, Path] = {}
    spec_files = files_at(specs)
    for spec_file in spec_files:
        spec, of_file = checked(spec_file, environment, ask_of(spec_file))
        found[spec_file] = [*of_file, *(_namesakes(spec, spec_file, names) if spec else ())]
    findings = [finding for said in found.values() for finding in said]
    valid = not errors_of(findings)
    if form == "text":
        for spec_file, said in found.items():
            _say(spec_file, said)
    else:
        _tell_programs(form, valid, spec_files, findings)
    return 0 if valid else SpecError.exit_code


def _namesakes(spec: Spec, spec_file: Path, names: dict[str, Path]) -> Iterator[Diagnostic]:
    """That another file has the same name; *names* has the files so far by the names of their specs."""
    other = names.setdefault(spec.name, spec_file)
    if other.resolve() != spec_file.resolve():
        yield spec.document.diagnostic(
            Code.NAME_COLLISION,
            f"{other} has the same name; each would change and delete what the other created",
            ("name",),
            helps=("give one of them another `name`",),
        )


def _tell_programs(
    form: str, valid: bool, spec_files: Sequence[Path], findings: Sequence[Diagnostic]
) -> None:
    from batchspec.render.findings import diagnostics

    if form == "github":
        put_file(diagnostics.as_annotations(findings))
        return
    put_object(diagnostics.validation_json(valid, spec_files, findings))


def _say(spec_file: Path, findings: Sequence[Diagnostic]) -> None:
    """The findings on stderr with their number, and on stdout that the spec is right, when it is."""
    if findings:
        from batchspec.render.findings import diagnostics

        text = diagnostics.as_text(findings, color=colored())
        put(text, err=True)
        say("")
        say(f"{diagnostics.tally(findings)}. Nothing was sent to Azure.")
    if not errors_of(findings):
        say(f"{spec_file}: valid", err=False)
