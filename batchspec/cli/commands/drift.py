"""`batchspec drift`: where the pool and the open job that exist differ from the spec."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_object
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
    spec_argument,
)
from batchspec.workload.reading import Environment

_DRIFT = 2


@click.command(
    epilog=examples("batchspec drift specs/ffmpeg.yaml", "batchspec drift specs/ffmpeg.yaml --format json")
)
@spec_argument
@environment_options
@format_option
def drift(spec_file: Path, environment: Environment, form: str) -> int:
    """Show where the pool and the open job differ from the spec. Reads only.

    Both values are shown. Missing resources, inputs and tasks are not compared; use
    `plan`. Exits with 2 if there are differences, else 0.
    """
    from batchspec.engine.drift import drift_now
    from batchspec.render.plans.as_drift import drift_json, drift_text

    workload = load(spec_file, environment)
    compared = drift_now(workload.account, workload.spec)
    if form == "json":
        put_object(drift_json(workload.spec.name, compared))
    else:
        put(drift_text(compared))
    return _DRIFT if any(one.differences for one in compared) else 0
