"""What is published: an sdist and a wheel with what is needed and nothing else, the same bytes each time."""

from __future__ import annotations

import hashlib
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from batchspec import __version__
from batchspec.cli.commands.init import EXAMPLES
from batchspec.document.parser import parse
from batchspec.source import Source
from tests.release import ROOT, build

PACKAGE = ROOT / "batchspec"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        build(folder)
    return folder


def names(dist: Path) -> tuple[set[str], set[str]]:
    """The files of the sdist and of the wheel."""
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    return source, set(zipfile.ZipFile(wheel).namelist())


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_the_wheel_has_the_package_and_nothing_else(dist: Path) -> None:
    """Its modules, the data beside them, the examples of `init`, and what describes it."""
    files = {
        file.relative_to(ROOT).as_posix()
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {"batchspec/py.typed", "batchspec/render/findings/explanations.md"} <= files
    examples = {f"batchspec/cli/examples/{name}.yaml" for name in EXAMPLES}
    info = f"batchspec-{__version__}.dist-info"
    about = {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    assert names(dist)[1] == files | examples | about


def test_the_sdist_has_what_the_wheel_is_built_from(dist: Path) -> None:
    """And no tests, no workflows, no samples that it does not need."""
    tops = {name.partition("/")[0] for name in names(dist)[0]}
    described = {
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "PKG-INFO",
        ".gitignore",
        "pyproject.toml",
    }
    assert tops == {"batchspec", "schemas", "specs"} | described
    assert {name for name in names(dist)[0] if name.startswith("specs/")} == {
        f"specs/{name}.yaml" for name in EXAMPLES
    }


def test_a_second_build_is_the_same(dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, for the same date."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    build(tmp_path)
    digests = [
        {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in at.iterdir()}
        for at in (dist, tmp_path)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2


def test_the_metadata_is_valid(dist: Path) -> None:
    """By the rules of the index, and with the extras that the README names."""
    (wheel,) = dist.glob("*.whl")
    text = zipfile.ZipFile(wheel).read(f"batchspec-{__version__}.dist-info/METADATA")
    found = Metadata.from_email(text, validate=True)
    assert found.license_expression == "MIT"
    assert {"arm", "local", "ffmpeg", "docs", "dev"} == set(found.provides_extra or ())
    assert found.version.base_version == PROJECT["version"] == __version__


def test_the_release_stores_no_token() -> None:
    """It publishes what another job has built and tried, by the identity of the workflow."""
    workflow = parse(Source("release", (ROOT / ".github/workflows/release.yml").read_text("utf-8"))).data
    jobs = workflow["jobs"]
    assert workflow["permissions"] == {"contents": "read"}
    assert [job for job in jobs if "permissions" in jobs[job]] == ["publish", "attach"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    runs = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert any("tests.release" in run for run in runs)
    assert "secrets." not in str(workflow)
