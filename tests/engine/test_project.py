"""A spec reads and writes below its project, and beside it only what the person at the command allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchspec.desired.places import Places
from batchspec.document.parser import parse
from batchspec.engine.look.machine.project import Ask, Project, Use, nobody
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
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
    output: "{{{{ input.name }}}}.out"
download: {download}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a spec's folder in it, beside a folder with files that are nobody's business."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (
        "project/.git/config",
        "project/specs/in/a.txt",
        "project/b.txt",
        "private/c.txt",
        "private/d.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "project"


def _read(
    project: Path,
    inputs: str = "in/*",
    download: str = "out",
    allowed: tuple[Path, ...] = (),
    ask: Ask = nobody,
) -> list[str]:
    """The names of the inputs, or what is said against them."""
    text = SPEC.format(inputs=inputs, download=download)
    spec = build(parse(Source(str(project / "specs" / "work.yaml"), text)))
    try:
        desired = desired_now(spec, None, Project(Places.of(spec).folder, allowed, ask))
    except SpecError as error:
        return [diagnostic.summary for diagnostic in error.diagnostics]
    return [task.input.path for task in desired.tasks if task.input]


@pytest.mark.parametrize(
    ("inputs", "found"),
    [("../*.txt", ["b.txt"]), ("../../project/b.txt", ["b.txt"]), ("in/link", ["link"])],
)
def test_what_is_read_without_asking(project: Path, inputs: str, found: list[str]) -> None:
    """Everything below the folder that holds `.git`, on whatever way and by links too."""
    (project / "specs" / "in" / "link").symlink_to("../../b.txt")
    assert _read(project, inputs) == found


@pytest.mark.parametrize(
    "inputs",
    [
        "../../private/c.txt",
        "../../private/*",
        "/PRIVATE/*.txt",
        "in/file",
        "in/folder/*",
        "in/folder/c.txt",
        "in/**",
    ],
)
def test_what_is_not_read(project: Path, inputs: str) -> None:
    """Neither by its path nor by a link to a file or a folder; nothing of it is looked at, and no name is told."""
    private = project.parent / "private"
    (project / "specs" / "in" / "file").symlink_to(private / "c.txt")
    (project / "specs" / "in" / "folder").symlink_to(private)
    said = _read(project, inputs.replace("/PRIVATE", str(private)))
    assert said
    assert all(what.endswith(f"is outside the project {project}") for what in said)
    assert "d.txt" not in str(said)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("inputs", ["/proc/self/environ", "in/environ"])
def test_no_environment_is_uploaded(project: Path, inputs: str) -> None:
    """Where the keys of an account stand is no input."""
    (project / "specs" / "in" / "environ").symlink_to("/proc/self/environ")
    (said,) = _read(project, inputs)
    assert said == f"the input {inputs!r} is outside the project {project}"


def test_what_a_person_allows(project: Path) -> None:
    """A folder that is named on the command line is read and written, with all that is below it."""
    parent = project.parent
    assert _read(project, "../../private/*", allowed=(parent / "private",)) == ["c.txt", "d.txt"]
    assert _read(project, download="../../made/deep", allowed=(parent / "made",)) == ["a.txt"]


def test_who_can_be_asked_is_asked_once(project: Path) -> None:
    """One question for each folder and use, and the answer counts for all below it."""
    asked: list[str] = []

    def yes(use: Use, folder: Path, _project: Path) -> bool:
        asked.append(f"{use.value} {folder.relative_to(project.parent)}")
        return True

    found = _read(project, "[../../private/*.txt, ../../private/d*]", "../../made", ask=yes)
    assert found == ["c.txt", "d.txt"]
    assert asked == ["downloads to made", "reads files in private"]


def test_who_says_no_is_asked_once_too(project: Path) -> None:
    """A refusal is remembered, and is one finding for each folder."""
    asked: list[Path] = []
    for name in ("c", "d"):
        (project / "specs" / "in" / name).symlink_to(project.parent / "private" / f"{name}.txt")
    said = _read(project, "in/?", ask=lambda _use, folder, _project: bool(asked.append(folder)))
    assert said == [f"the input 'in/c' is outside the project {project}"]
    assert asked == [project.parent / "private"]


@pytest.mark.parametrize("download", ["../../made", "/made", "link/deep"])
def test_where_nothing_is_written(project: Path, download: str) -> None:
    """A folder for downloads outside the project is a finding, and is not made."""
    (project / "specs" / "link").symlink_to(project.parent / "private")
    assert _read(project, download=download) == [f"download: {download!r} is outside the project {project}"]
    assert not (project.parent / "made").exists()


def test_without_a_repository_the_project_is_the_folder_of_the_spec(project: Path) -> None:
    """Then what lies beside that folder is outside."""
    (project / ".git" / "config").unlink()
    (project / ".git").rmdir()
    specs = project / "specs"
    assert _read(project, "../*.txt") == [f"the input '..' is outside the project {specs}"]
    (specs / ".git").write_text("gitdir: elsewhere")  # a submodule has a file
    assert Project(specs / "in").root == specs


def test_help_names_nothing_outside(project: Path) -> None:
    """A glob without a match is told what lies near only where it may read."""
    (project / "specs" / "near").symlink_to(project.parent / "private")
    text = SPEC.format(inputs="absent/*", download="out")
    spec = build(parse(Source(str(project / "specs" / "work.yaml"), text)))
    with pytest.raises(SpecError) as raised:
        desired_now(spec, None)
    (finding,) = raised.value.diagnostics
    assert "it has: in, in/a.txt, near" in finding.helps
