"""What the ways work on: a spec of a thousand-byte task, inputs made up or real, and accounts to reach."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential

from batchspec.desired.task import Desired, Input
from batchspec.document.parser import parse
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.progress.lock import Held, now_s
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.plan.model import Plan
from batchspec.service.batch.client import Batch
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.connect import Account
from batchspec.service.http.retry import Patience
from batchspec.service.offer import AZURE
from batchspec.source import Source
from tests.bench.account import KEY, NAME, storage_string

_LONG_S = 86400  # a lock that nobody renews

SPEC = """\
version: 1
name: bench
params: {bitrate: 192k}
pool:
  id: bench-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server:latest
  targetDedicatedNodes: 2
job: {id: bench-job}
tasks:
  audio:
    inputs: INPUTS
    command: [ffmpeg, -hide_banner, -nostdin, -y, -i, "{{ input.path }}", -vn, "-b:a", "{{ params.bitrate }}",
      "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
    constraints: {maxWallClockTime: PT1H, retentionTime: P7D, maxTaskRetryCount: 2}
"""
FROM_BLOBS = SPEC.replace("INPUTS", "{container: input, prefix: bench/clips/}")
FROM_FILES = SPEC.replace("INPUTS", "clips/**/*.mp4")


def spec_of(text: str, file: str = "bench.yaml") -> Spec:
    return build(parse(Source(file, text)), {})


_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd, so that no two numbers have one content


def made_up_inputs(count: int) -> Iterator[Input]:
    """Blobs that are nowhere: folders of a thousand, each clip with a content of its own."""
    for number in range(count):
        path = f"{number // 1000:04d}/clip-{number:07d}.mp4"
        yield Input(path, "input", f"bench/clips/{path}", 20_000 + number, md5_of(number))


def md5_of(number: int) -> str:
    """What stands for the MD5 of a content that is nowhere: to hash one takes as long as to name a task."""
    return f"{number * _SPREAD % (1 << 128):032x}"


def stub_account(port: int) -> Account:
    """The account that a stub plays, with the shipped connections to it, and memory looked after as in a command."""
    import batchspec.cli  # noqa: F401  # sets how often Python looks for dead cycles

    blobs = BlobStorage.from_connection_string(storage_string(port))
    batch = Batch(f"http://127.0.0.1:{port}", AzureNamedKeyCredential(NAME, KEY), Patience.of())
    return Account(batch, blobs, "stub", AZURE)


def conduct_of(account: Account, desired: Desired, plan: Plan) -> Conduct:
    """A run of *plan* whose events nobody reads."""
    return Conduct(account, desired, plan, Held(now_s(), _LONG_S), tell=lambda _event: None)


def write_files(folder: Path, count: int, size: int, suffix: str = ".mp4") -> None:
    """*count* files of *size* bytes, all different, in folders of a thousand."""
    block = hashlib.sha256(b"bench").digest() * (size // 32 + 1)
    for number in range(count):
        file = folder / f"{number // 1000:04d}" / f"clip-{number:07d}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((b"%016d" % number + block)[:size])
