"""Every file of the corpus is read: what comes of it is a result or an error of batchspec's own, and soon.

A folder is named for what reads its files, a file for what was wrong with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from batchspec.engine.saved_plan import load
from batchspec.errors import BatchspecError
from batchspec.formula.syntax import FormulaSyntaxError, parse
from batchspec.formula.unknown import unknown
from batchspec.render.findings import diagnostics
from batchspec.shipyard.spec import imported
from batchspec.workload.reading import check

CORPUS = Path(__file__).parent
POOL = (
    "pool_specification: {id: p, vm_size: s, vm_count: 1, vm_configuration: {platform_image: {publisher: a}}}"
)


def read_spec(file: Path, folder: Path) -> None:
    """The spec is validated, and what there is to say of it is said in each form."""
    spec = shutil.copy(file, folder / "spec.yaml")
    (folder / "a.txt").write_text("a")
    found = check(Path(spec))
    diagnostics.as_text(found, color=True)
    diagnostics.as_json(found)


def read_formula(file: Path, _folder: Path) -> None:
    text = file.read_text("utf-8", errors="surrogateescape")
    with suppress(FormulaSyntaxError):
        parse(text)
        unknown(text)


def read_plan(file: Path, _folder: Path) -> None:
    load(file)


def read_shipyard(file: Path, folder: Path) -> None:
    """The file is a jobs.yaml; its pool is a plain one."""
    shutil.copy(file, folder / "jobs.yaml")
    (folder / "pool.yaml").write_text(POOL)
    (folder / "spec.yaml").write_text(imported(folder, None, None, "batchspec import shipyard ."), "utf-8")
    check(folder / "spec.yaml")


READERS: dict[str, Callable[[Path, Path], None]] = {
    "specs": read_spec,
    "formulas": read_formula,
    "plans": read_plan,
    "shipyard": read_shipyard,
}


def files() -> Iterator[object]:
    for kind in READERS:
        for file in sorted((CORPUS / kind).iterdir()):
            yield pytest.param(kind, file, id=f"{kind}/{file.name}")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("kind", "file"), list(files()))
def test_no_input_of_a_past_bug_is_one_again(kind: str, file: Path, tmp_path: Path) -> None:
    """Whatever it holds, it is answered."""
    with suppress(BatchspecError):
        READERS[kind](file, tmp_path)


def test_every_folder_has_a_reader() -> None:
    """A folder that nobody reads would look like one that is."""
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} - {"__pycache__"} == set(READERS)
