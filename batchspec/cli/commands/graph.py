"""`batchspec graph`: the stages of a spec as a diagram."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put
from batchspec.cli.options import Environment, environment_options, examples, read_spec, spec_argument, warn


@click.command(epilog=examples("batchspec graph specs/stages.yaml"))
@spec_argument
@environment_options
def graph(spec_file: Path, environment: Environment) -> None:
    """Print the groups of a spec, and which reads the outputs of which, as a Mermaid flowchart."""
    from batchspec.render.graph import graph_text

    spec = read_spec(spec_file, environment)
    warn(spec)
    put(graph_text(spec.groups))
