"""`python -m tests.versions`: the suite with other versions of its dependencies, and the lock of those in use.

newest, oldest [ARGUMENT OF PYTEST ...]   in a new environment, with what pyproject.toml allows at most or at least
lock [--upgrade]                          writes requirements-dev.lock; pinned versions stay unless upgraded
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.lock"
_OLDEST_PYTHON = "3.11"


def newest(arguments: Sequence[str]) -> int:
    return _test("highest", arguments)


def oldest(arguments: Sequence[str]) -> int:
    return _test("lowest-direct", arguments)


def lock(arguments: Sequence[str]) -> int:
    """For every system and Python that we support, with the digest of every file and nobody's address."""
    what = ["pyproject.toml", "--extra", "dev", "--universal", "--python-version", _OLDEST_PYTHON]
    how = ["--generate-hashes", "--custom-compile-command", "python -m tests.versions lock"]
    return _uv("pip", "compile", "--quiet", *what, *how, *arguments, "--output-file", LOCK.name)


def _test(resolution: str, arguments: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="batchspec-versions-") as folder:
        python = f"{folder}/bin/python"
        _uv("venv", "--quiet", "--python", sys.executable, folder)
        install = ("pip", "install", "--quiet", "--python", python)
        _uv(*install, "--resolution", resolution, "--requirement", "pyproject.toml", "--extra", "dev")
        _uv(*install, "--no-deps", "--no-build-isolation", "--editable", ".")  # built at that end, too
        _uv("pip", "freeze", "--python", python)
        return subprocess.run([python, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def _uv(*arguments: str) -> int:
    uv = Path(sys.executable).with_name("uv")
    return subprocess.run([uv, *arguments], cwd=ROOT, check=True).returncode


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"newest": newest, "oldest": oldest, "lock": lock}


def main() -> int:
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command is None:
        print(__doc__, file=sys.stderr)
        return 64
    return command(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
