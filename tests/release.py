"""`python -m tests.release FOLDER`: the sdist and the wheel, and whether the wheel alone does the main job.

The wheel is built from the sdist, as pip would, and installed with its extras into an empty environment; there it
validates and applies the sample on a local account of its own. The files are the same bytes for the same commit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    wheel = build(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="batchspec-release-") as folder:
        try_out(wheel, Path(folder))
    print(f"{wheel.name}: installed and applied")
    return 0


def build(folder: Path) -> Path:
    """The wheel, which lies in *folder* beside the sdist that it was built from."""
    when = os.environ.get("SOURCE_DATE_EPOCH") or _date_of_commit()
    _hatch("sdist", folder, ROOT, when)
    (sdist,) = folder.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked, filter="data")
        _hatch("wheel", folder, Path(unpacked) / sdist.name.removesuffix(".tar.gz"), when)
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_out(wheel: Path, folder: Path) -> None:
    """Raises `CalledProcessError` when what *wheel* installs does not do the main job in *folder*."""
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    subprocess.run([folder / "env/bin/pip", "install", "--quiet", f"{wheel}[local,ffmpeg]"], check=True)
    shutil.copytree(ROOT / "specs", folder / "project" / "specs")
    (folder / "project" / ".git").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    environment |= {"BATCHSPEC_LOCAL_HOME": str(folder / "home"), "BATCHSPEC_TARGET": "local"}
    for words in ("validate specs/ffmpeg.yaml", "apply specs/ffmpeg.yaml", "local down"):
        command = [folder / "env/bin/batchspec", *words.split()]
        subprocess.run(command, cwd=folder / "project", env=environment, check=True)
    found = sorted(file.suffix for file in (folder / "project" / "outputs").iterdir())
    assert found == [".mp3"] * 5, found


def _hatch(target: str, folder: Path, source: Path, when: str) -> None:
    """With no git around, hatchling takes the date of the files from SOURCE_DATE_EPOCH."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": when},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _date_of_commit() -> str:
    asked = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
