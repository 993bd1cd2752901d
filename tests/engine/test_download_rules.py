"""What is wrong with a download is found before anything is made or run."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchspec.document.parser import parse
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.resources.blob import LiveBlob
from batchspec.source import Source

SPEC = """\
version: 1
name: work
pool: {{existing: p}}
job: {{id: j, constraints: {{maxWallClockTime: P1D}}}}
tasks:
  a:
    inputs: {inputs}
    command: [cp, "{{{{ input.path }}}}", "{{{{ output.path }}}}"]
    output: "{output}"
download: {download}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a spec in a project, with one input."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (".git/hooks/x", "specs/in/a.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "specs"


def _said(folder: Path, inputs: str, output: str, download: str) -> list[str]:
    """What is wrong where each blob that is looked for is there."""
    text = SPEC.format(inputs=inputs, output=output, download=download)
    try:
        spec = build(parse(Source(str(folder / "work.yaml"), text)))
        desired_now(spec, lambda _container, name: iter([LiveBlob(name, 1, "0" * 32, "etag")]))
    except SpecError as error:
        return [diagnostic.summary for diagnostic in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("inputs", "download", "path"),
    [
        ("in/*.wav", "in/", "in/a-2.wav"),
        ("in/**", "in/out/", "in/out/a-2.wav"),
        ("'**/*.wav'", ".", "in/a-2.wav"),
        ("../specs/in/*.wav", "in/", "../specs/in/a-2.wav"),
        ("'{in,out}/*.wav'", ".", "in/a-2.wav"),
        ("[in/a.wav, 'in/*.wav']", "../specs/in", "in/a-2.wav"),
    ],
)
def test_outputs_that_would_become_inputs(folder: Path, inputs: str, download: str, path: str) -> None:
    """A folder for downloads whose files an input glob matches is refused, on whatever way the glob leads there."""
    (said,) = _said(folder, inputs, "{{ input.stem }}-2.wav", download)
    assert said.startswith("the output ")
    assert said.endswith(f" matches {path!r}")
    assert "would become an input of 'a'" in said


@pytest.mark.parametrize(
    ("inputs", "download", "output"),
    [
        ("in/*.wav", "in/", "{{ input.stem }}.mp3"),
        ("in/*.wav", "in/out/", "{{ input.stem }}.wav"),
        ("'**/*.wav'", "out/", "{{ input.stem }}.mp3"),
        ("'**/*.wav'\n    exclude: 'out/**'", "out/", "{{ input.stem }}.wav"),
        ("in/a.wav", "in/", "{{ input.stem }}-2.wav"),
        ("in/*.wav", "../in/", "{{ input.stem }}.wav"),
    ],
)
def test_outputs_that_become_no_inputs(folder: Path, inputs: str, download: str, output: str) -> None:
    """Where no glob matches them it may be the same folder; what is excluded is no input."""
    assert _said(folder, inputs, output, download) == []


@pytest.mark.parametrize(
    ("name", "bytes_", "fits"), [("x" * 250, 255, True), ("x" * 252, 257, False), ("é" * 126, 257, False)]
)
def test_names_longer_than_a_file_may_have(folder: Path, name: str, bytes_: int, fits: bool) -> None:
    """What counts are bytes of each part of the name; without a folder for downloads it would be fine."""
    (folder / "in" / "deep").mkdir()
    (folder / "in" / "deep" / "b.wav").touch()
    output = f"{name}.mp{{{{ input.stem }}}}"
    assert len(f"{name}.mpa".encode()) == bytes_ - 1
    said = _said(folder, "in/**/*.wav", output, "out/")
    assert said == (
        [] if fits else [f"the output {n!r} has a name longer than 255 bytes" for n in _names(name)]
    )


def _names(name: str) -> list[str]:
    return [f"{name}.mpa", f"deep/{name}.mpb"]


@pytest.mark.parametrize(
    ("output", "download", "said"),
    [
        ("x", "../.git/hooks", "download: '../.git/hooks' is inside a .git folder"),
        ("x", "in/a.wav", "download: 'in/a.wav' is not a folder"),
        (
            ".git/hooks/post-checkout",
            "..",
            "the output '.git/hooks/post-checkout' has an empty part, `.`, `..` or `.git`",
        ),
        ("sub/.GIT/config", "..", "the output 'sub/.GIT/config' has an empty part, `.`, `..` or `.git`"),
    ],
)
def test_nothing_is_downloaded_into_a_folder_of_git(
    folder: Path, output: str, download: str, said: str
) -> None:
    """Where programs lie that Git runs."""
    assert _said(folder, "in/*.wav", output, download) == [said]


@pytest.mark.parametrize(
    ("inputs", "is_refused"),
    [
        ("{container: output, prefix: work/}", True),
        ("{container: output, prefix: work/, match: '*.wav'}", True),
        ("{container: output, prefix: work/, match: '*.mp4'}", False),
        ("{container: output, prefix: work/}\n    exclude: '*-2.wav'", False),
        ("{container: input, prefix: work/}", False),
    ],
)
def test_outputs_that_their_own_group_takes_for_inputs(folder: Path, inputs: str, is_refused: bool) -> None:
    """Blobs in the container of the outputs may be inputs, but not of the group that makes them."""
    text = SPEC.format(inputs=inputs, output="{{ input.stem }}-2.wav", download="out/")
    spec = build(parse(Source(str(folder / "work.yaml"), text)))
    listed = [LiveBlob(f"work/{name}", 1, "0" * 32, "etag") for name in ("a.wav", "b.mp4")]
    said: list[str] = []
    try:
        desired_now(spec, lambda _container, _prefix: iter(listed))
    except SpecError as error:
        said = [diagnostic.summary for diagnostic in error.diagnostics if diagnostic.code == "BS0409"]
    assert ("the output 'work/a-2.wav' would become an input of 'a'" in said) == is_refused == bool(said)


@pytest.mark.parametrize(
    ("files", "is_refused"),
    [
        ("{container: output, blob: work/a-2.wav}", True),
        ("{container: output, prefix: work/}", True),
        ("{container: output, blob: work/a-3.wav}", False),
        ("{container: output, prefix: other/}", False),
        ("{container: input, prefix: work/}", False),
        ("out/", True),
        ("./", True),
        ("./out/a-2.wav", True),
        ("'o*/{stem}-2.wav'", True),
        ("'out/{{ input.stem }}-2.wav'", True),
        ("out/a-3.wav", False),
        ("in/", False),
    ],
)
def test_outputs_that_are_read_as_files(folder: Path, files: str, is_refused: bool) -> None:
    """Of what the spec makes, a file would be what earlier work left; so it is read with `from`."""
    (folder / "out").mkdir()
    for name in ("a-2.wav", "a-3.wav"):
        (folder / "out" / name).touch()
    inputs = f"'in/{{stem}}.wav'\n    files: {{old: {files}}}\n    env: {{OLD: '{{{{ files.old.path }}}}'}}"
    said = _said(folder, inputs, "{{ input.stem }}-2.wav", "out/")
    assert ("the output 'a-2.wav' of 'a' would be read as files.old" in said) == is_refused, said


def test_outputs_that_stay_in_storage_are_read_by_nothing_here(folder: Path) -> None:
    """With `download: false` a file of that name is the person's own, be it an input or a file."""
    (folder / "out").mkdir()
    (folder / "out/a-2.wav").touch()
    words = "[in/a.wav, out/*.wav]\n    download: false\n    files: {old: out/a-2.wav}"
    inputs = f"{words}\n    env: {{OLD: '{{{{ files.old.path }}}}'}}"
    assert _said(folder, inputs, "{{ input.stem }}-2.wav", "out/") == []
