"""The stub service (`stub.c`): compiled on the spot, started on a free port, ended with the block."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bench.measure import Skipped

SOURCE = Path(__file__).with_name("stub.c")


@dataclass(frozen=True)
class Listing:
    """What the stub serves at a path: the lines of a file. `form` is `json` (Batch) or `xml` (Blob).

    Beside blobs there may be *others*, under a prefix of their own: the stub makes them up as they are listed.
    """

    form: str
    path: str
    file: Path
    others: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        return (f"{self.form}+{self.others}" if self.others else self.form, self.path, str(self.file))


@dataclass(frozen=True)
class Stub:
    """A running stub."""

    port: int

    def tasks(self) -> int:
        """How many tasks it answered with Success."""
        return self.counts()["tasks"]

    def counts(self) -> Counter[str]:
        """What it has counted so far: `requests`, `tasks`, bytes of bodies `sent` and `received`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/stats")
            return Counter(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@contextmanager
def running(*listings: Listing, delay_ms: int = 0, drop_one_in: int = 0) -> Iterator[Stub]:
    """The stub, with *delay_ms* added to every answer and silence about one task in *drop_one_in*."""
    words = [word for entry in listings for word in entry.words]
    process = subprocess.Popen(
        [str(_program()), str(delay_ms), str(drop_one_in), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Stub(int(process.stdout.readline()))
    finally:
        process.communicate()  # the end of its stdin is its own


@cache
def _program() -> Path:
    """The compiled stub, in a folder that goes with this process."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Skipped("there is no C compiler (cc) for the stub")
    target = Path(_folder().name) / "stub"
    subprocess.run([compiler, "-O2", "-pthread", "-o", str(target), str(SOURCE)], check=True)
    return target


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="batchspec-bench-")
