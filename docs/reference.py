"""The reference pages that are made from the program itself when the documentation is built; a hook of mkdocs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.main import cli
from batchspec.codes import Code
from batchspec.engine.health.trouble import StuckReason
from batchspec.language.schema.fields import Field, field, top_level
from batchspec.render.findings.explanation import sections

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


_TOP = 2  # the level of the headings of fields at the top of a spec


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the documentation, and the pages that are made here."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    return {"spec": spec_page(), "commands": commands_page(), "findings": findings_page()}


def spec_page() -> str:
    """Every field of a spec, from its schema."""
    intro = (
        "Every field of a spec. Fields of `pool`, `job` and task groups have the names of the Azure Batch REST API "
        "(2025-06-01). `batchspec explain FIELD` prints the same in a terminal."
    )
    return "\n".join(
        ("# Spec", "", intro, "", *(line for name in top_level() for line in _section(name, _TOP)))
    )


def commands_page() -> str:
    """Every command with its help."""
    parts = ["# Commands", "", "What `batchspec COMMAND --help` prints.", ""]
    for words, text in commands():
        parts += [f"## {words}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(parts)


def findings_page() -> str:
    """Every finding of `validate` and `plan`, and every reason of a stuck run."""
    parts = [
        "# Findings and reasons",
        "",
        "`batchspec explain CODE` prints the same in a terminal. A released code never changes its meaning.",
        "",
    ]
    for code in Code:
        parts += [f"## {code.value}: {code.meaning}", "", sections()[code.value], ""]
    for reason in StuckReason:
        parts += [f"## STUCK({reason.value})", "", sections()[reason.value], ""]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, str]]:
    """Each command, `batchspec local up` too, with its help."""
    with click.Context(cli, info_name="batchspec", **cli.context_settings) as context:
        yield from _helps(cli, context)


def _helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group) and command.name != "import":
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            with click.Context(inner, info_name=name, parent=context, **inner.context_settings) as below:
                yield from _helps(inner, below)


def _section(path: str, level: int) -> Iterator[str]:
    """A field with its heading and a table of those inside it; objects among them get a section of their own."""
    found = field(path)
    assert found is not None
    label = (
        path if level == _TOP else f"… {path.rpartition('.')[2]}"
    )  # all of it would not fit beside the page
    yield from (
        f"{'#' * level} `{path}` {{ data-toc-label='{label}' }}",
        "",
        f"*{found.kind}*" if found.kind else "",
        "",
        found.description,
        "",
    )
    yield from (f"Example: `{json.dumps(example, ensure_ascii=False)}`\n" for example in found.examples)
    if not found.fields:
        return
    yield from ("| field | takes | |", "|---|---|---|")
    inner = {name: field(f"{_holder(found)}.{name}") for name in found.fields}
    for name, each in inner.items():
        yield f"| `{name}` | {_cell(each.kind if each else '')} | {_cell(found.fields[name])} |"
    yield ""
    for name, each in inner.items():
        if each and each.fields and level < 4:
            yield from _section(f"{_holder(found)}.{name}", level + 1)


def _holder(found: Field) -> str:
    return f"{found.path}.NAME" if found.path in ("tasks", "files", "params") else found.path


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
