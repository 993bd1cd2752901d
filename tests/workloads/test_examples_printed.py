"""`init --example` prints the specs of this folder's tests."""

from __future__ import annotations

from click.testing import CliRunner

from batchspec.cli.commands.init import EXAMPLES, init
from workloads.conftest import SPECS


def test_init_prints_each_example_as_it_is() -> None:
    """What is printed is what the tests run."""
    for name in EXAMPLES:
        printed = CliRunner().invoke(init, ["--example", name], standalone_mode=False)
        assert printed.stdout == (SPECS / f"{name}.yaml").read_text("utf-8")
