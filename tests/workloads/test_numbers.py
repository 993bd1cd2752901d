"""Everything follows from the text: what templates see is the same kind of thing for none, one and several."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchspec.desired.bodies.composed_body import shown_command
from workloads.test_many import desired

SHAPES = """\
  each:
    inputs: "clips/{title}"
    allowEmpty: true
    matrix: {size: [1, 2]}
    command: "echo {{ matrix.title }} {{ matrix.size }} > {{ output.path }}"
    output: "{{ matrix.title }}-{{ matrix.size }}"
  per:
    inputs: {from: each}
    per: title
    command: "echo {{ matrix.title }} {{ matrix.size }} {{ inputs.paths }} {{ inputs.count }}"
  collect:
    inputs: "clips/{title}"
    allowEmpty: true
    collect: true
    command: "echo {{ matrix.title }} {{ matrix.title.first }} {{ matrix.title.count }} {{ inputs.paths }}"
  chunk:
    inputs: {from: each}
    chunk: 3
    command: "echo {{ matrix.title }} {{ inputs.paths }}"
  every:
    matrix: {one: [1]}
    files: {all: {all: each}}
    command: "echo {{ files.all.path }} {{ files.all.count }} {{ files.all.paths }}"
  parts:
    inputs: "clips/{title}"
    allowEmpty: true
    command: "touch {{ output.path }}/{{ matrix.title }}"
    output: "parts-{{ matrix.title }}/"
  of_parts:
    inputs: {from: parts, match: "{part}", atMost: 5}
    command: "cat {{ input.path }} {{ matrix.title }} {{ matrix.part }} > {{ output.path }}"
    output: "{{ matrix.title }}.{{ matrix.part }}"
  joined:
    inputs: {from: of_parts}
    collect: true
    command: "cat {{ inputs.paths }}"
"""
ONE = {
    "per": ["echo a 1 2 in/a-1 in/a-2 2"],
    "collect": ["echo a a 1 in/a"],
    "chunk": ["echo a a in/a-1 in/a-2"],
    "every": ["echo 'files/all' 2 files/all/a-1 files/all/a-2"],
}
TWO = {
    "per": ["echo a 1 2 in/a-1 in/a-2 2", "echo b 1 2 in/b-1 in/b-2 2"],
    "collect": ["echo a b a 2 in/a in/b"],
    "chunk": ["echo a a b in/a-1 in/a-2 in/b-1", "echo b in/b-2"],
    "every": ["echo 'files/all' 4 files/all/a-1 files/all/a-2 files/all/b-1 files/all/b-2"],
}
NONE = {"every": ["mkdir -p files/all\nbash -eo pipefail -c 'echo files/all 0 '"]}


@pytest.mark.parametrize(("clips", "expected"), [("", NONE), ("a", ONE), ("ab", TWO)])
def test_every_shape_with_none_one_and_several(
    clips: str, expected: dict[str, list[str]], tmp_path: Path
) -> None:
    """A spec that is right for two films is right for one; without any, what may be empty makes no task."""
    (tmp_path / "clips").mkdir()
    for clip in clips:
        (tmp_path / "clips" / clip).touch()
    found = desired(tmp_path, SHAPES)
    commands: dict[str, list[str]] = {}
    for task in found.tasks:
        if task.group.name in TWO:
            commands.setdefault(task.group.name, []).append(shown_command(found, task).replace('"', ""))
    assert {name: [c.replace("'", "") for c in some] for name, some in commands.items()} == {
        name: [c.replace("'", "") for c in some] for name, some in expected.items()
    }
    unknown = found.tasks.database.one("SELECT count(*) FROM unknown WHERE group_name = 'of_parts'")[0]
    assert unknown == len(clips)
