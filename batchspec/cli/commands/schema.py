"""`batchspec schema`: the JSON Schema of a spec, for editors."""

from __future__ import annotations

import click

from batchspec.cli.door import put_file
from batchspec.cli.options import examples


@click.command(epilog=examples("batchspec schema > batchspec-v1.schema.json"))
def schema() -> None:
    """Print the JSON Schema (draft-07) of a spec, for editors and other tools."""
    from batchspec.language.schema.spec_schema import published_text

    put_file(published_text())
