"""`batchspec validate`: is the spec right? No network, no Azure package."""

from __future__ import annotations

import json
from pathlib import Path

import click

from batchspec.cli.options import examples, format_option, read_spec, set_option
from batchspec.source import Diagnostic


@click.command(epilog=examples("batchspec validate specs/ffmpeg.yaml", "batchspec validate a.yaml b.yaml"))
@click.argument("spec_files", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@format_option
def validate(spec_files: tuple[Path, ...], settings: tuple[str, ...], form: str) -> None:
    """Check specs, with all findings of each file at once, and their local inputs.

    Exit code 0 when all are right, 65 when one is not.
    """
    from batchspec.engine.inputs import find_inputs
    from batchspec.errors import SpecError
    from batchspec.spec.expand import expand

    findings: list[Diagnostic] = []
    for spec_file in spec_files:
        try:
            spec = read_spec(spec_file, settings)
            expand(spec, find_inputs(spec, None))
        except SpecError as error:
            findings.extend(error.diagnostics)
            continue
        if form == "text":
            click.echo(f"{spec_file}: valid")
    if findings:
        raise SpecError(findings)
    if form == "json":
        click.echo(json.dumps({"type": "validation", "valid": True, "files": [str(f) for f in spec_files]}))
