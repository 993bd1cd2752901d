"""Inputs that cannot be read are findings with their place in the spec, not tracebacks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchspec.desired.places import Places
from batchspec.document.parser import parse
from batchspec.engine.look.inputs import ListBlobs, find_inputs
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.resources.blob import LiveBlob
from batchspec.source import Diagnostic, Source

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


def _found(
    spec: Spec, warnings: list[Diagnostic] | None = None, list_blobs: ListBlobs | None = None
) -> list[str]:
    project = Project(Places.of(spec).folder)
    with Digests(cache_path()) as digests:
        inputs = find_inputs(spec, list_blobs, project, digests, [] if warnings is None else warnings)
        return [item.path for item in inputs["a"]]


def _refused(spec: Spec) -> list[str]:
    with pytest.raises(SpecError) as raised:
        _found(spec)
    return _said(raised.value.diagnostics)


def _said(diagnostics: Iterable[Diagnostic]) -> list[str]:
    return [f"{d.position.line if d.position else 0}: {d.summary}" for d in diagnostics]


def _spec(folder: Path, inputs: str) -> Spec:
    """The spec with other words for its inputs."""
    text = SPEC.replace("inputs: clips/*.mp4", inputs)
    return build(parse(Source(str(folder / "work.yaml"), text)))


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
    spec = _spec(tmp_path, "inputs: clips/**/*.mp4")
    assert _found(spec) == ["a.mp4"]


@pytest.mark.usefixtures("spec")
def test_what_is_no_file(tmp_path: Path) -> None:
    """A named pipe and a link that leads nowhere are findings, and nobody waits for them."""
    os.mkfifo(tmp_path / "clips" / "pipe.mp4")
    (tmp_path / "clips" / "gone.mp4").symlink_to("nowhere")
    assert _refused(_spec(tmp_path, "inputs: clips/*.mp4")) == [
        "7: the input 'clips/gone.mp4' cannot be read: No such file or directory",
        "7: the input 'clips/pipe.mp4' is a named pipe, not a file",
    ]


@pytest.mark.usefixtures("spec")
def test_many_files_that_cannot_be_inputs(tmp_path: Path) -> None:
    """The first ones are told of, and how many more there are."""
    for number in range(25):
        os.mkfifo(tmp_path / "clips" / f"{number:02}.mp4")
    found = _refused(_spec(tmp_path, "inputs: clips/*.mp4"))
    assert found[-2:] == [
        "7: the input 'clips/19.mp4' is a named pipe, not a file",
        "7: 5 more inputs of 'a' cannot be used either",
    ]
    assert len(found) == 21


@pytest.mark.usefixtures("spec")
@pytest.mark.parametrize(
    ("inputs", "paths", "warnings"),
    [
        ("inputs: clips/*\n    exclude: 'clips/draft-*'", ["a.mp4"], []),
        (
            "inputs: [clips/*.mp4, stills/*.png]",
            ["a.mp4", "draft-b.mp4"],
            ["7: no file matches 'stills/*.png'"],
        ),
        ("inputs: [clips/*.mp4, stills/*.png]\n    allowEmpty: true", ["a.mp4", "draft-b.mp4"], []),
        ("inputs: clips/*.mov\n    allowEmpty: true", [], []),
        ("inputs: clips/?.mp4\n    exclude: '**'\n    allowEmpty: true", [], []),
        (
            "inputs: ['clips/*.MP4', clips/a.mp4]",
            ["a.mp4"],
            [
                "7: no file matches 'clips/*.MP4'",
                "7: 2 files differ from 'clips/*.MP4' only in upper and lower case: clips/a.mp4, clips/draft-b.mp4",
            ],
        ),
        ("inputs: 'clips/{kind}-{name}.mp4'", ["draft-b.mp4"], []),
    ],
)
def test_which_files_are_inputs(tmp_path: Path, inputs: str, paths: list[str], warnings: list[str]) -> None:
    """What is excluded is none; one of several globs may match nothing, and all where that is allowed."""
    for name in ("a", "draft-b"):
        (tmp_path / "clips" / f"{name}.mp4").write_text(name)
    found: list[Diagnostic] = []
    assert _found(_spec(tmp_path, inputs), found) == paths
    assert _said(found) == warnings


@pytest.mark.usefixtures("spec")
@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("inputs: clips/*\n    exclude: '**'", ["7: all files that 'clips/*' matches are excluded"]),
        (
            "inputs: [clips/*.mov, clips/*.mkv]",
            ["7: no file matches 'clips/*.mov'", "7: no file matches 'clips/*.mkv'"],
        ),
        (
            "inputs: 'clips/{x}{y}.mp4'",
            [
                "7: the input 'clips/abc.mp4' 'clips/abc.mp4' can be split in two ways: x='a', y='bc' and x='ab', y='c'"
            ],
        ),
    ],
)
def test_inputs_that_are_refused(tmp_path: Path, inputs: str, said: list[str]) -> None:
    """A group without any input, and a path that can be split in two ways."""
    (tmp_path / "clips" / "abc.mp4").write_text("abc")
    assert _refused(_spec(tmp_path, inputs)) == said


def _listed(container: str, prefix: str) -> Iterator[LiveBlob]:
    assert container == "lake"
    folder = {"hdi_isfolder": "true"}
    blobs = {
        "raw/": (0, {}),
        "raw/.batchspec/logs/x/stdout.txt": (1, {}),
        "raw/a.txt": (1, {}),
        "raw/day1": (0, folder),
        "raw/day1/B.TXT": (1, {}),
        "raw/day1/b.txt": (1, {}),
        "raw/day1/none.txt": (0, {}),
        "raw/empty": (0, folder),
    }
    for name, (size, metadata) in blobs.items():
        if name.startswith(prefix):
            yield LiveBlob(name, size, "0" * 32, "etag", metadata)


@pytest.mark.parametrize(
    ("words", "paths", "warnings"),
    [
        ("match: '**/*'", ["a.txt", "day1/B.TXT", "day1/b.txt", "day1/none.txt"], []),
        (
            "match: '**/{a,b}.txt'",
            ["a.txt", "day1/b.txt"],
            ["7: 1 file differs from '**/{a,b}.txt' only in upper and lower case: day1/B.TXT"],
        ),
        ("match: '{day}/{name}.txt'", ["day1/b.txt", "day1/none.txt"], None),
    ],
)
def test_which_blobs_are_inputs(
    tmp_path: Path, words: str, paths: list[str], warnings: list[str] | None
) -> None:
    """Blobs that stand for folders are none, and neither are batchspec's own."""
    spec = _spec(tmp_path, f"inputs: {{container: lake, prefix: raw/, {words}}}\n    exclude: 'nothing'")
    found: list[Diagnostic] = []
    assert _found(spec, found, _listed) == paths
    assert warnings is None or _said(found) == warnings


def test_only_folders_that_match_names_are_listed(tmp_path: Path) -> None:
    """What others have in a container costs nothing, unless nothing is found: then one looks around."""
    asked: list[str] = []

    def listed(container: str, prefix: str) -> Iterator[LiveBlob]:
        asked.append(prefix)
        return _listed(container, prefix)

    spec = _spec(tmp_path, "inputs: {container: lake, match: 'raw/day1/*.txt'}")
    assert _found(spec, [], listed) == ["raw/day1/b.txt", "raw/day1/none.txt"]
    assert asked == ["raw/day1/"]
    spec = _spec(tmp_path, "inputs: {container: lake, match: 'Raw/Day1/n*.txt'}\n    allowEmpty: true")
    found: list[Diagnostic] = []
    assert _found(spec, found, listed) == []
    assert _said(found) == [
        "7: 1 file differs from 'Raw/Day1/n*.txt' only in upper and lower case: raw/day1/none.txt"
    ]
    assert asked[1:] == ["Raw/Day1/", ""]
    spec = _spec(tmp_path, "inputs: {container: lake, prefix: raw/day, match: 'day1/b*.txt'}")
    assert _found(spec, [], listed) == ["day1/b.txt"]
    assert asked[-1] == "raw/day1/"
