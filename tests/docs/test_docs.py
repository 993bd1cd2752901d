"""The documentation says what is so: specs are valid, commands exist, pages are complete, and the site builds."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from batchspec.cli.main import cli
from batchspec.codes import Code
from batchspec.document.parser import parse
from batchspec.engine.health.trouble import StuckReason
from batchspec.language.schema.fields import top_level
from batchspec.service.embedded import LocalAccount
from batchspec.source import Severity, Source
from batchspec.workload.reading import check

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
BESIDE = {
    "version": "version: 1",
    "name": "name: example",
    "pool": "pool: {existing: nodes}",
    "job": "job: {id: work, constraints: {maxWallClockTime: P1D}}",
}


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a page, those inside lists without their indentation."""
    for found in re.finditer(
        rf"^( *)```{language}\n(.*?)^ *```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


def commands(page: Path) -> Iterator[str]:
    """What stands behind a `$` in the page's consoles, up to a pipe."""
    for block in blocks(page, "console"):
        yield from re.findall(r"^\$ (batchspec[^|>\n]*)", block, re.MULTILINE)


def named(of: dict[Path, list[str]]) -> list[object]:
    return [
        pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
        for page, texts in of.items()
        for number, text in enumerate(texts, 1)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that specs in the documentation read."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("clips", "sweep", "reads", "reference"):
        shutil.copytree(ROOT / "specs" / name, folder / "specs" / name)
    (folder / ".git").mkdir()
    return folder


@pytest.mark.parametrize("text", named({page: list(blocks(page, "yaml")) for page in PAGES}))
def test_yaml_is_valid(text: str, project: Path) -> None:
    """A spec has no errors, a part of one has none beside what a spec needs; other YAML can be read."""
    keys = parse(Source("docs", text)).data
    if not set(keys) <= set(top_level()):
        return
    spec = project / "specs" / "spec.yaml"
    spec.write_text("\n".join([*(line for key, line in BESIDE.items() if key not in keys), text]), "utf-8")
    assert [each.summary for each in check(spec) if each.severity is Severity.ERROR] == []


@pytest.mark.parametrize("line", named({page: list(commands(page)) for page in PAGES}))
def test_a_command_can_be_given(line: str) -> None:
    """It is one that there is, with options and values that it takes."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    with click.Context(cli, info_name="batchspec") as context:
        while isinstance(command, click.Group) and words:
            _, found, words = command.resolve_command(context, words)
            assert found is not None
            command = found
        command.make_context(command.name, words, parent=context)


def test_the_first_run(local_account: LocalAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of its first console do what the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    page = (DOCS / "guides" / "first-run.md").read_text("utf-8").partition("<!-- run -->")[2]
    init, *others = re.findall(r"^\$ batchspec (.*)$", page.partition("```\n\n")[0], re.MULTILINE)
    words, _, file = init.partition(" > ")
    Path(file).write_text(CliRunner().invoke(cli, words.split()).stdout)
    for line in others:
        ended = CliRunner().invoke(cli, line.split(), standalone_mode=False)
        assert (ended.exception, ended.return_value in (0, None)) == (None, True), ended.output
    assert (tmp_path / "outputs" / "hello.txt").read_text().startswith("Hello from ")
    assert "1 to run" in ended.output


def test_the_reference_is_complete() -> None:
    """Its pages, made at the build, have every field at the top, every command, every code and every reason."""
    pages = reference().pages()
    assert all(f"## `{name}`" in pages["spec"] for name in top_level())
    assert all(f"## batchspec {name}" in pages["commands"] for name in cli.list_commands(click.Context(cli)))
    assert "## batchspec local preempt" in pages["commands"]
    assert all(f"## {code.value}: " in pages["findings"] for code in Code)
    assert all(f"## STUCK({reason.value})" in pages["findings"] for reason in StuckReason)


def test_every_variable_is_documented() -> None:
    """What the program reads of the environment is on the page of variables."""
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "batchspec").rglob("*.py"))
    read = set(re.findall(r"\"((?:AZURE|BATCHSPEC)_[A-Z_]+[A-Z])\"", sources))
    page = (DOCS / "reference" / "environment.md").read_text("utf-8")
    secret = {"AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD"}  # only hidden, where they are said
    assert {name for name in read - secret if f"`{name}`" not in page} == {
        "BATCHSPEC_COMMAND"
    }  # in a task, our own


def test_every_page_is_in_the_navigation() -> None:
    """None is left out, and none is named that there is not."""
    text = (ROOT / ".mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    made = {f"reference/{name}.md" for name in reference().pages()}
    there = {page.relative_to(DOCS).as_posix() for page in PAGES[1:]} | made
    assert set(re.findall(r"[\w/-]+\.md", text)) == there


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra `docs`")
def test_the_site_builds(tmp_path: Path) -> None:
    """In strict mode: every link and every anchor leads somewhere."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / ".mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    assert (tmp_path / "reference" / "spec" / "index.html").exists()


def reference() -> ModuleType:
    """The hook that makes the reference."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module  # dataclasses and type hints look there
    spec.loader.exec_module(module)
    return module


def test_links_of_the_readme_lead_somewhere() -> None:
    """Each names a file of the repository."""
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_line_of_the_threat_model_has_its_test() -> None:
    """Each row of its tables names tests, and there are such."""
    rows = re.findall(
        r"^\| (?!may not|---)(.*) \|$", (DOCS / "threat-model.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) > 15
    for row in rows:
        tests = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert tests, row
        for file, function in tests:
            assert f"\ndef {function}(" in (ROOT / "tests" / file).read_text("utf-8"), function
