"""The stages of a spec as a Mermaid flowchart: groups, and what they read of each other."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.language.model import TaskGroup
from batchspec.language.rows.axes import RESERVED
from batchspec.language.rows.links import Link


def graph_text(groups: tuple[TaskGroup, ...]) -> str:
    """A node for each group, and an arrow for each output that another one reads, in the order of the flow."""
    return "\n".join(("flowchart LR", *(f"    {line}" for line in _lines(groups)))) + "\n"


def _lines(groups: tuple[TaskGroup, ...]) -> Iterator[str]:
    for group in groups:
        yield f'{group.name}["{group.name}{_made_per(group)}"]'
    for group in groups:
        for label, link in _links(group):
            shown = "|" + label + "|" if label else ""
            yield f"{link.group} -->{shown} {group.name}"


def _made_per(group: TaskGroup) -> str:
    """What there is one task for; nothing where that is each input."""
    if group.rows is None:
        return ""
    axes = [name for name in group.rows.axes.has if name not in RESERVED]
    if axes:
        return f"<br>per {', '.join(axes)}"
    return "<br>one task" if group.rows.shape.collect else ""


def _links(group: TaskGroup) -> Iterator[tuple[str, Link]]:
    """What *group* reads of others, each with the output's name or the axes by which tasks meet."""
    if (link := group.link) is not None:
        files = f"{link.glob.text}, at most {link.at_most:,}" if link.glob else ""
        label = ": ".join(filter(None, (link.output.name, files)))
        yield f'"{label}"' if files else label, link
    for file in group.files:
        if file.link is not None:
            yield ", ".join(theirs for theirs, _ in file.link.on), file.link
