"""`batchspec init`: a commented spec to start from."""

from __future__ import annotations

import importlib.resources

import click

from batchspec.cli.options import examples


@click.command(epilog=examples("batchspec init > work.yaml", "batchspec validate work.yaml"))
def init() -> None:
    """Print a starter spec, every line explained. It runs as it is, on the local account too."""
    starter = importlib.resources.files("batchspec.cli") / "starter.yaml"
    click.echo(starter.read_text(encoding="utf-8"), nl=False)
