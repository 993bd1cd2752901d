"""The hook for pre-commit, and what shells need to complete words: as those tools call them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from batchspec.cli.main import cli
from batchspec.document.parser import parse
from batchspec.source import Source

ROOT = Path(__file__).parents[2]
BATCHSPEC = Path(sys.executable).with_name("batchspec")


def hook() -> dict[str, Any]:
    """The only entry of `.pre-commit-hooks.yaml`."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    (found,) = parse(Source("hooks", "hooks:\n" + text)).data["hooks"]  # type: ignore[misc]
    return dict(found)  # type: ignore[arg-type]


def call(*files: str) -> subprocess.CompletedProcess[str]:
    """The hook's entry with file names behind it, as pre-commit calls it from the root of the checkout."""
    command, *words = shlex.split(hook()["entry"])
    program = BATCHSPEC.with_name(command)
    return subprocess.run([program, *words, *files], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_hook_passes_what_is_right() -> None:
    """All examples in one call."""
    files = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("specs/*.yaml"))
    done = call(*files)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hook_stops_what_is_wrong(tmp_path: Path) -> None:
    """A wrong file among right ones keeps the commit back."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("version: 1\nname: a b\n", "utf-8")
    done = call("specs/ffmpeg.yaml", str(wrong))
    assert done.returncode == 65
    assert f"{wrong}:2:7" in done.stderr


@pytest.mark.parametrize(
    ("file", "is_spec"),
    [
        ("specs/ffmpeg.yaml", True),
        ("video/specs/a.yml", True),
        ("night.batchspec.yaml", True),
        ("specs/data/table.yaml", False),
        (".github/workflows/ci.yml", False),
    ],
)
def test_which_files_the_hook_sees(file: str, is_spec: bool) -> None:
    """Specs by their folder or their ending; other YAML is not ours to judge."""
    assert bool(re.search(hook()["files"], file)) is is_spec


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """A real bash with the script offers the commands, and a command's options."""
    script = CliRunner().invoke(cli, ["completion", "bash"]).output
    ask = f"""
export PATH={shlex.quote(str(BATCHSPEC.parent))}:$PATH
{script}
complete_words() {{
  COMP_WORDS=("$@") COMP_CWORD=$(( $# - 1 )) COMPREPLY=()
  _batchspec_completion batchspec
  echo "${{COMPREPLY[*]}}"
}}
complete_words batchspec pl
complete_words batchspec import --ad
complete_words batchspec completion f
"""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "plan\n--adopt\nfish\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(shell: str, tmp_path: Path) -> None:
    """It defines the completion of `batchspec`; where the shell is installed, that shell finds no mistake in it."""
    script = tmp_path / "script"
    script.write_text(CliRunner().invoke(cli, ["completion", shell]).output, "utf-8")
    assert f"_BATCHSPEC_COMPLETE={shell}_complete" in script.read_text("utf-8")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert subprocess.run([shell, "-n", script], capture_output=True, check=False).returncode == 0
