"""A disk that is full is what the command says: no traceback, no half a file, and the same command goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from main_job.workload import BATCHSPEC, Ended, Workload

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
_CAN_MOUNT = not subprocess.run(
    [*_UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
).returncode
pytestmark = pytest.mark.skipif(not _CAN_MOUNT, reason="this user may not mount a small disk of its own")


def on_a_small_disk(workload: Workload, folder: Path, *words: str) -> Ended:
    """The command, with 64 kilobytes of disk in *folder*."""
    folder.mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size=64k none "{folder}" && exec "$@"'
    program = (*_UNSHARE, "sh", "-c", mount, "sh", *BATCHSPEC)
    with workload.started(*words, program=program) as process:
        out, err = process.communicate(timeout=100)
    return Ended(process.returncode, out, err)


def test_outputs_that_do_not_fit(bare: Workload) -> None:
    """The disk is full, which file, and exit code 1; with room the same command only fetches what is missing."""
    bare.write('big:\n  command: "head -c 1000000 /dev/zero > {{ output.path }}"\n  output: big.bin\n')
    ended = on_a_small_disk(bare, bare.outputs, "apply", "specs/ffmpeg.yaml")
    assert ended.code == 1
    assert "No space left on device" in ended.err
    assert "big.bin" in ended.err
    assert "Traceback" not in ended.err
    bare.apply()
    assert (bare.outputs / "big.bin").stat().st_size == 1_000_000


def test_a_plan_that_cannot_be_saved(bare: Workload) -> None:
    """`plan -o` on a full disk says so, and leaves no half a plan."""
    bare.write("".join(f"t{n}: {{ command: 'true' }}\n" for n in range(200)))
    room = bare.folder / "room"
    ended = on_a_small_disk(bare, room, "plan", "specs/ffmpeg.yaml", "-o", str(room / "plan"))
    assert ended.code == 64
    assert "No space left on device" in ended.err
    assert "Traceback" not in ended.err


def test_what_is_printed_to_a_full_disk() -> None:
    """The output of a command finds no room: that is what it says, on stderr."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*BATCHSPEC, "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "error: the disk is full\n",
    )
