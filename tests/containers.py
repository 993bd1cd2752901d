"""A container engine and images for tests: made of Debian's busybox-static, so that no public registry is needed."""

import io
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

from batchspec.emulator.node import engine as engines
from batchspec.emulator.node.engine import Engine

IMAGE = "localhost/batchspec-test:latest"
"""Has busybox's programs, /etc/made-for-tests, and no entrypoint."""

ENTRY = "localhost/batchspec-test-entry:latest"
"""The same, with an entrypoint that echoes its arguments, and /opt as its working directory."""

_APPLETS = (
    "cat",
    "echo",
    "env",
    "false",
    "id",
    "ls",
    "mkdir",
    "pwd",
    "rm",
    "sh",
    "sleep",
    "touch",
    "true",
    "wc",
)
_MARK = "only in the image\n"


@cache
def engine_or_reason() -> Engine | str:
    """The engine with both images in it, or why there is none."""
    engine = engines.find()
    if engine is None:
        return "no container engine: apt-get install podman runc"
    if not Path("/bin/busybox").exists():
        return "no busybox: apt-get install busybox-static"
    if "statically linked" not in _says("file", "/bin/busybox") and "not a dynamic" not in _says(
        "ldd", "/bin/busybox"
    ):
        return "/bin/busybox needs libraries: apt-get install busybox-static"
    _import(engine, IMAGE)
    _import(engine, ENTRY, 'ENTRYPOINT ["/bin/echo", "entry"]', "WORKDIR /opt")
    return engine


def require_engine() -> Engine:
    """The engine; the test is skipped where there is none."""
    found = engine_or_reason()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def _says(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _import(engine: Engine, name: str, *changes: str) -> None:
    options = [part for change in ("ENV PATH=/bin", *changes) for part in ("--change", change)]
    subprocess.run(
        [engine.program, "import", *options, "-", name], input=_files(), check=True, capture_output=True
    )


@cache
def _files() -> bytes:
    """A root file system, as a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("bin", "etc", "opt", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add("/bin/busybox", "bin/busybox")
        applets = _says("/bin/busybox", "--list").split()
        for applet in set(applets) - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        mark = tarfile.TarInfo("etc/made-for-tests")
        mark.size = len(_MARK)
        archive.addfile(mark, io.BytesIO(_MARK.encode()))
    return packed.getvalue()
