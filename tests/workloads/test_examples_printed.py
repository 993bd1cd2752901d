"""`init --example` prints the specs of this folder's tests."""

from __future__ import annotations

import yaml
from click.testing import CliRunner

from batchspec.cli.commands.init import EXAMPLES, init
from workloads.conftest import SPECS


def test_init_prints_each_example_for_any_folder() -> None:
    """What is printed is what the tests run, but for paths of the repository that are not beside it."""
    for name in EXAMPLES:
        printed = CliRunner().invoke(init, ["--example", name], standalone_mode=False).stdout
        tried = yaml.safe_load((SPECS / f"{name}.yaml").read_text("utf-8"))
        assert yaml.safe_load(printed) == {**tried, "download": tried["download"].removeprefix("../")}
        assert "../" not in printed
