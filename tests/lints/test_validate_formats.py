"""`validate` for people, for programs and for pull requests, warnings and errors alike."""

import json
import subprocess
from pathlib import Path

import pytest
from main_job.workload import BATCHSPEC

WARNED = Path(__file__).parent / "cases" / "warned" / "no-time-bound.yaml"
TEXT = WARNED.with_suffix(".txt").read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a spec that is warned about and one that is wrong."""
    (tmp_path / "warned.yaml").write_text(WARNED.read_text("utf-8"), "utf-8")
    (tmp_path / "wrong.yaml").write_text("version: 1\nname: a b\nbool: {}\n", "utf-8")
    return tmp_path


def validate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*BATCHSPEC, "validate", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_warning_is_no_error(folder: Path) -> None:
    """The spec is valid, exit code 0; the warning and its number are on stderr."""
    done = validate(folder, "warned.yaml")
    assert (done.returncode, done.stdout) == (0, "warned.yaml: valid\n")
    expected = TEXT.replace(WARNED.name, "warned.yaml")
    assert done.stderr == f"{expected}\n1 warning in warned.yaml. Nothing was sent to Azure.\n"


def test_errors_end_with_65_and_their_number(folder: Path) -> None:
    """All of a file's errors are shown and counted; the other file is looked at all the same."""
    done = validate(folder, "wrong.yaml", "warned.yaml")
    assert (done.returncode, done.stdout) == (65, "warned.yaml: valid\n")
    assert "2 errors in wrong.yaml. Nothing was sent to Azure.\n" in done.stderr
    assert "1 warning in warned.yaml. Nothing was sent to Azure.\n" in done.stderr


def test_json_is_one_object_with_every_finding(folder: Path) -> None:
    """Programs get whether all files are valid, and each finding with code, severity and place."""
    done = validate(folder, "warned.yaml", "wrong.yaml", "--format", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (65, "")
    assert (found["type"], found["valid"]) == ("validation", False)
    assert found["files"] == ["warned.yaml", "wrong.yaml"]
    assert [(f["file"], f["line"], f["code"], f["severity"]) for f in found["diagnostics"]] == [
        ("wrong.yaml", 2, "BS0123", "error"),
        ("wrong.yaml", 3, "BS0103", "error"),
        ("warned.yaml", 4, "BS0213", "warning"),
    ]


def test_github_gets_an_annotation_for_each_finding(folder: Path) -> None:
    """One workflow command a finding, on the line it is about, and nothing else on stdout."""
    done = validate(folder, "warned.yaml", "wrong.yaml", "--format", "github")
    assert (done.returncode, done.stderr) == (65, "")
    heads = [line.partition(",title=")[0] for line in done.stdout.splitlines()]
    assert heads == [
        "::error file=wrong.yaml,line=2,endLine=2,col=7,endColumn=10",
        "::error file=wrong.yaml,line=3,endLine=3,col=1,endColumn=5",
        "::warning file=warned.yaml,line=4,endLine=4,col=1,endColumn=4",
    ]


def test_a_valid_spec_is_annotated_with_nothing(folder: Path) -> None:
    """No finding, no output, exit code 0."""
    (folder / "good.yaml").write_text("version: 1\nname: good\n", "utf-8")
    done = validate(folder, "good.yaml", "--format", "github")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_wrong_inputs_do_not_hide_the_warnings(folder: Path) -> None:
    """What is found when the inputs are looked for stands beside what was found before."""
    spec = folder / "warned.yaml"
    spec.write_text(spec.read_text("utf-8").replace("{ command:", "{ inputs: none/*, command:"), "utf-8")
    found = json.loads(validate(folder, "warned.yaml", "--format", "json").stdout)
    assert [finding["code"] for finding in found["diagnostics"]] == ["BS0213", "BS0404"]
