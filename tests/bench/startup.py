"""Start-up: `validate` of a 200-line spec, and `plan` until its first request, against an empty program."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Figure, Sample, compile_package, in_turn, median, program, ratio

BATCHSPEC = (sys.executable, "-c", "from batchspec.cli.entry import main; main()")
_BARE = (sys.executable, "-c", "pass")
_SDK = (sys.executable, "-c", "import azure.batch, azure.storage.blob, azure.identity")
_GROUPS = 17  # makes a spec of 200 lines
PACKAGES = ("pyyaml", "click", "azure-batch", "azure-storage-blob")


def figures(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        spec = write_spec(Path(folder))
        ways: dict[str, Callable[[], Sample]] = {
            "bare": lambda: program(_BARE),
            "sdk": lambda: program(_SDK),
            "validate": lambda: program([*BATCHSPEC, "validate", spec]),
            "plan": lambda: until_first_request(spec),
        }
        compile_package()
        if rounds > 1:
            in_turn(1, ways)  # warms the file system's cache
        found = in_turn(rounds, ways)
        lines = len(spec.read_text(encoding="utf-8").splitlines())
    bare, sdk = found["bare"], found["sdk"]
    for name, what, must, moonshot in (
        ("validate", f"validate of {lines} lines", 6, 4),
        ("plan", "plan until its first request", 12, 9),
    ):
        parts = (
            f"{median(found[name]) * 1e3:.0f} ms; python -c pass {median(bare) * 1e3:.0f} ms; "
            f"importing the SDK {ratio(sdk, bare):.1f}x"
        )
        value = ratio(found[name], bare)
        yield Figure(
            f"{what} / python -c pass, wall", value, "x", must, moonshot, parts, PACKAGES, smaller=True
        )


def write_spec(folder: Path, count: int = _GROUPS) -> Path:
    """A spec of about 200 lines with real inputs: *count* groups, comments, folded commands."""
    (folder / "clips").mkdir()
    groups = []
    for number in range(count):
        (folder / "clips" / f"clip-{number:02d}.mp4").write_bytes(b"clip")
        groups.append(f"""\
  # The {number}th rendition.
  rendition-{number:02d}:
    inputs: clips/clip-{number:02d}.mp4
    command:
      [ffmpeg, -nostdin, -y, -i, "{{{{ input.path }}}}", -vn,
       "-b:a", "{{{{ params.bitrate }}}}", "{{{{ output.path }}}}"]
    output: "{number:02d}/{{{{ input.stem }}}}.mp3"
    environmentSettings:
      - {{ name: THREADS, value: "1" }}
    constraints:
      maxWallClockTime: PT1H
""")
    spec = folder / "bench.yaml"
    spec.write_text(
        """\
version: 1
name: bench
params:
  bitrate: 192k
pool:
  id: bench-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server:latest
  targetDedicatedNodes: 2
job:
  id: bench-job
tasks:
"""
        + "".join(groups),
        encoding="utf-8",
    )
    return spec


def until_first_request(spec: Path) -> Sample:
    """How long `plan` takes from its start until it has connected to the service; it is ended then."""
    with _listening() as (listener, environment):
        began = time.perf_counter()
        process = subprocess.Popen(
            [*BATCHSPEC, "plan", str(spec)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            client, _ = listener.accept()
            client.recv(1)
            wall = time.perf_counter() - began
        finally:
            process.kill()
            process.wait()
        client.close()
    return Sample(wall, 0, 0)


@contextmanager
def _listening() -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A socket that stands for the service, and the environment that leads a command to it."""
    from tests.bench.account import environment_of

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(60)
        yield listener, environment_of(listener.getsockname()[1])
