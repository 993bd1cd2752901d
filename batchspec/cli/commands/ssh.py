"""`batchspec ssh`: a shell on a node, for what shows only there."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import say
from batchspec.cli.options import environment_options, examples, load, spec_option
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples(
        "batchspec ssh tvmps_1c6f --spec specs/ffmpeg.yaml",
        "batchspec ssh tvmps_1c6f --spec specs/ffmpeg.yaml -- df -h",
    )
)
@click.argument("node")
@click.argument("command", nargs=-1)
@spec_option("The spec whose pool has the node.")
@environment_options
def ssh(node: str, command: tuple[str, ...], spec_file: Path, environment: Environment) -> int:
    """Open a shell on a node, or run COMMAND there.

    NODE is a node id or a unique prefix of one; `batchspec status` and `logs` show them.
    A user with administrator rights and a new SSH key is added to the node and removed
    when the shell ends, also after Ctrl-C or a failure; at the latest it expires after 12
    hours. On the local account the shell starts in the node's folder.
    """
    from batchspec.engine.shell import open_shell

    workload = load(spec_file, environment)
    return open_shell(workload.account, workload.spec, node, command, say)
