"""`batchspec report`: how a spec ran, as a page for people or a trace for programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put, put_file, put_object, say
from batchspec.cli.options import environment_options, examples, load, spec_argument
from batchspec.cli.words import Choice
from batchspec.errors import UsageError
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.engine.report import Report
    from batchspec.workload.workload import Workload


@click.command(
    epilog=examples(
        "batchspec report specs/ffmpeg.yaml -o report.html",
        "batchspec report specs/ffmpeg.yaml --format csv > trace.csv",
        "batchspec report specs/ffmpeg.yaml --list",
    )
)
@spec_argument
@environment_options
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the report to a file."
)
@click.option(
    "--format",
    "form",
    type=Choice(["html", "json", "csv"]),
    help="html: a self-contained page; json and csv: the trace, a row per task. Default: as FILE ends, or html.",
)
@click.option("--run", "run_id", metavar="ID", help="Report on this run instead of the newest one.")
@click.option("--list", "lists", is_flag=True, help="List the recorded runs.")
def report(
    spec_file: Path,
    environment: Environment,
    output: Path | None,
    form: str | None,
    run_id: str | None,
    lists: bool,
) -> None:
    """Report how the tasks of a spec ran: when, where, how long, and why some failed. Reads only.

    Works while tasks run, and after job and pool are gone: each run leaves a small record in
    storage, beside the outputs. A run that was resumed is reported as a whole.
    """
    workload = load(spec_file, environment)
    if lists:
        _list(workload, form)
        return
    if form is None and output is None:
        raise UsageError(
            "an HTML report is written to a file", help="add `-o report.html`, or `--format json` or `csv`"
        )
    made = workload.report(run_id)
    pieces = _pieces(made, form or _form_of(output))
    if output is None:
        for piece in pieces:
            put_file(piece)
    else:
        _write(output, pieces)
        say(f"report written to {output}")


def _list(workload: Workload, form: str | None) -> None:
    from batchspec.render.report.runs import run_json, runs_text

    runs = workload.runs()
    if form == "json":
        for run in runs:
            put_object(run_json(run))
    else:
        put(runs_text(runs))


def _form_of(output: Path | None) -> str:
    """The format that the name of a file asks for."""
    suffix = output.suffix.removeprefix(".") if output else ""
    return suffix if suffix in ("json", "csv") else "html"


def _pieces(made: Report, form: str) -> Iterable[str]:
    from batchspec.render.report.page import report_html
    from batchspec.render.report.trace import trace_csv, trace_json

    if form == "html":
        return [report_html(made)]
    return trace_csv(made.trace) if form == "csv" else trace_json(made.trace)


def _write(file: Path, pieces: Iterable[str]) -> None:
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
    except OSError as error:
        raise UsageError(f"cannot write the report to {file}: {error.strerror}") from error
