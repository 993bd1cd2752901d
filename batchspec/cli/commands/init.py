"""`batchspec init`: a commented spec to start from."""

from __future__ import annotations

import importlib.resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from batchspec.cli.door import put_file
from batchspec.cli.options import examples
from batchspec.cli.words import Choice

EXAMPLES = ("sweep", "stages", "ladder", "paired-reads", "frames", "split")
_SCHEMA = "# yaml-language-server: $schema=../schemas/batchspec-v1.schema.json\n#\n"
_CHECKOUT = Path(__file__).parents[3] / "specs"


@click.command(
    epilog=examples(
        "batchspec init > work.yaml",
        "batchspec validate work.yaml",
        "batchspec init --example sweep > sweep.yaml",
    )
)
@click.option("--example", type=Choice(EXAMPLES), help="Print an example instead of the starter spec.")
def init(example: str | None) -> None:
    """Print a starter spec with every line explained. It runs as it is, also on the local account.

    \b
    Examples of other workloads (--example):
      sweep         a run for each line of a CSV file, and a summary of all
      stages        a first group whose outputs a second one reads
      ladder        each film in several sizes, each a folder; one playlist for each film
      paired-reads  two files for each sample, and a genome that all tasks share
      frames        frames of a film in chunks, then the film
      split         a film split, as many parts encoded as that makes, and joined

    The files that they read are not printed: bring your own, or look in specs/ of the repository.
    """  # noqa: D301 - for click
    put_file(_of_any_folder(_text(example).read_text(encoding="utf-8")))


def _of_any_folder(text: str) -> str:
    """*text* without what only holds in the folder of the repository that an example lies in."""
    return text.removeprefix(_SCHEMA).replace("download: ../", "download: ")


def _text(example: str | None) -> Traversable | Path:
    package = importlib.resources.files("batchspec.cli")
    if example is None:
        return package / "starter.yaml"
    packaged = package / "examples" / f"{example}.yaml"  # pyproject.toml puts them there
    return packaged if packaged.is_file() else _CHECKOUT / f"{example}.yaml"
