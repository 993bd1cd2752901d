"""`batchspec graph`: the stages of a spec as a diagram."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put
from batchspec.cli.options import environment_options, examples, load, spec_argument, warn
from batchspec.workload.reading import Environment


@click.command(epilog=examples("batchspec graph specs/stages.yaml"))
@spec_argument
@environment_options
def graph(spec_file: Path, environment: Environment) -> None:
    """Print the groups of a spec and their dependencies as a Mermaid flowchart."""
    from batchspec.render.graph import graph_text

    spec = load(spec_file, environment).spec
    warn(spec)
    put(graph_text(spec.groups))
