"""Who may be asked about folders outside of a project, and how else they are allowed."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.main_job.workload import BATCHSPEC

SPEC = """\
version: 1
name: work
pool: {existing: p}
job: {id: j, constraints: {maxWallClockTime: P1D}}
tasks:
  a: {inputs: "../films/*.mov", command: [md5sum, "{{ input.path }}"]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a spec that reads a folder beside it."""
    for name in ("project/work.yaml", "films/a.mov", "films/b.mov"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SPEC)
    return tmp_path / "project"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the person's, and the command's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def _validate(
    project: Path, *words: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> tuple[int, str]:
    """The exit code of `validate`, and what it said on stderr."""
    ended = subprocess.run(
        [*BATCHSPEC, "validate", "work.yaml", *words],
        cwd=project,
        env={"XDG_CACHE_HOME": str(project.parent / "cache"), **os.environ, **(env or {})},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("answer", "env", "code", "asked"),
    [("yes\n", {}, 0, True), ("no\n", {}, 65, True), ("\n", {}, 65, True), ("yes\n", {"CI": "1"}, 65, False)],
    ids=["yes", "no", "nothing", "in CI"],
)
def test_a_person_at_a_terminal_is_asked(
    project: Path, terminal: tuple[int, int], answer: str, env: dict[str, str], code: int, asked: bool
) -> None:
    """Only the whole word yes allows it, and in CI nobody is asked."""
    person, command = terminal
    os.write(person, answer.encode())
    found, said = _validate(project, env=env, stdin=command)
    folder = project.parent / "films"
    question = f'work.yaml reads files in {folder}, outside the project {project}. Type "yes" to allow it:'
    assert (found, said.count(question)) == (code, int(asked))


@pytest.mark.parametrize(
    ("answers", "code"), [("y\nyes\n", 0), ("Y\ny\n", 65), ("YES\nno\n", 65)], ids=["then yes", "twice", "no"]
)
def test_y_alone_is_explained(project: Path, terminal: tuple[int, int], answers: str, code: int) -> None:
    """Who answers `y` is told what is expected, and asked once more."""
    person, command = terminal
    os.write(person, answers.encode())
    found, said = _validate(project, stdin=command)
    assert (
        f'"{answers[: answers.index(chr(10))]}" is not enough: only "yes", written in full, confirms.' in said
    )
    assert found == code


@pytest.mark.parametrize(
    ("words", "env", "code"),
    [
        ([], {}, 65),
        (["--allow-path", "../films"], {}, 0),
        (["--allow-path", "/nowhere"], {}, 65),
        ([], {"BATCHSPEC_ALLOW_PATH": f"/nowhere{os.pathsep}../films"}, 0),
    ],
    ids=["nothing", "the option", "another folder", "the variable"],
)
def test_elsewhere_it_is_said_beforehand(
    project: Path, words: list[str], env: dict[str, str], code: int
) -> None:
    """Without a terminal an option or a variable allows it; the error names the option."""
    found, said = _validate(project, *words, env=env)
    assert found == code
    assert (f"`--allow-path {project.parent / 'films'}`" in " ".join(said.split())) == (code == 65)
