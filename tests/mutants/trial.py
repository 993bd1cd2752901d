"""One mutant tried: it is validated, what there is to say is said, and the bodies of a valid one's tasks are made."""

from __future__ import annotations

import signal
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from batchspec.errors import BatchspecError
from batchspec.render.findings import diagnostics
from batchspec.workload.reading import check, errors_of
from tests.golden.project import BLOBS, lay_out
from tests.golden.recorded import bodies_as_sent
from tests.mutants.mutate import mutant

LIMIT_S = 10
"""How much of a processor's time one mutant may take."""

ROOT = Path(__file__).parents[2]
_CASES = (
    "tests/lints/cases",
    "tests/spec/cases/accepted",
    "tests/spec/cases/rules",
    "tests/schema/cases/accepted",
)


class Result(NamedTuple):
    """What became of mutant *number*: `trouble` is the traceback of what must not be, or empty."""

    number: int
    spec: str
    is_valid: bool
    trouble: str
    seconds: float
    text: str


class TooLong(Exception):
    """A mutant took more than `LIMIT_S`."""


class Nursery:
    """A project in *folder* that holds all good specs, each in turn changed to a mutant and back."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir()
        lay_out(folder)
        self._seed = seed
        for cases in _CASES:
            for file in (ROOT / cases).rglob("*.yaml"):
                copied = folder / file.relative_to(ROOT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                copied.write_bytes(file.read_bytes())
        self._files = sorted(file for file in folder.rglob("*.yaml") if _is_good(file))
        self._texts = [file.read_text(encoding="utf-8") for file in self._files]

    def trial(self, number: int) -> Result:
        draw = Random(f"{self._seed}/{number}")
        which = draw.randrange(len(self._files))
        file, text = self._files[which], self._texts[which]
        changed = mutant(self._texts, text, draw)
        file.write_bytes(changed.encode("utf-8", "surrogatepass"))
        began = time.process_time()
        is_valid, trouble = False, ""
        try:
            with _limited():
                is_valid = _try(file)
        except Exception:
            trouble = traceback.format_exc()
        finally:
            file.write_text(text, encoding="utf-8")
        spent = time.process_time() - began
        return Result(number, file.name, is_valid, trouble, spent, changed)


@cache
def _is_good(file: Path) -> bool:
    """Whether YAML can read it, as the mutations have to."""
    import yaml

    try:
        return isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict)
    except (yaml.YAMLError, ValueError):
        return False


def _try(file: Path) -> bool:
    """Whether *file* is valid. Raises what must not be."""
    findings = check(file)
    said = diagnostics.as_text(findings, color=False)
    assert all(line.isprintable() for line in said.split("\n"))
    diagnostics.as_annotations(findings)
    diagnostics.as_json(findings)
    if errors_of(findings):
        return False
    try:
        bodies_as_sent(file, {}, defaultdict(dict, BLOBS))
    except BatchspecError:  # blobs are looked at only here, and may be wrong
        return False
    return True


@contextmanager
def _limited() -> Iterator[None]:
    """Within it `TooLong` is raised when the limit is reached."""

    def stop(_number: int, _frame: object) -> None:
        raise TooLong(f"more than {LIMIT_S} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
