"""Inputs that cannot be read are findings with their place in the spec, not tracebacks."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from batchspec.document.document import parse
from batchspec.engine.look.digests import Digests
from batchspec.engine.look.inputs import find_inputs
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.source import Source

SPEC = """\
version: 1
name: work
pool: {existing: p}
job: {id: j, constraints: {maxWallClockTime: P1D}}
tasks:
  a:
    inputs: clips/*.mp4
    command: [cp, "{{ input.path }}", "{{ output.path }}"]
    output: "{{ input.stem }}.out"
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "clips").mkdir()
    return build(parse(Source(str(tmp_path / "work.yaml"), SPEC)))


def _refused(spec: Spec) -> list[str]:
    with pytest.raises(SpecError) as raised:
        list(find_inputs(spec, None)["a"])
    return [f"{d.position.line if d.position else 0}: {d.summary}" for d in raised.value.diagnostics]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EIO], ids=["deleted meanwhile", "a failing disk"])
def test_an_input_that_cannot_be_digested(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Every file that fails while it is read is told with the line of its glob; the others are read."""
    for name in ("a", "b", "c"):
        (tmp_path / "clips" / f"{name}.mp4").write_text(name)
    read = Digests.md5

    def failing(digests: Digests, file: str, *more: Any) -> str:
        if Path(file).stem == "b":
            return read(digests, Path(file), *more)
        raise OSError(number, "No luck", str(file))

    monkeypatch.setattr(Digests, "md5", failing)
    assert _refused(spec) == [
        f"7: the input 'clips/{name}.mp4' cannot be read: No luck" for name in ("a", "c")
    ]


def test_a_folder_that_may_not_be_looked_into(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A glob without a match says so, though a folder nearby is closed to us."""
    (tmp_path / "clips" / "closed").mkdir()
    look = Path.iterdir

    def closed(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    assert _refused(spec) == ["7: no file matches 'clips/*.mp4'"]


def test_a_link_that_leads_back_gives_no_file_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that holds a link to itself has its files once, not once for every turn."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_text("a")
    (tmp_path / "clips" / "loop").symlink_to(".")
    text = SPEC.replace("clips/*.mp4", "clips/**/*.mp4")
    spec = build(parse(Source(str(tmp_path / "work.yaml"), text)))
    assert [item.path for item in find_inputs(spec, None)["a"]] == ["a.mp4"]
