"""Tasks that were written one by one as rows: what agrees, and what it is called that differs."""

from __future__ import annotations

import pytest

from batchspec.language.rows.agreement import agree, shape
from batchspec.language.rows.written import as_matrix, distinct


@pytest.mark.parametrize(
    ("commands", "template", "matrix"),
    [
        (
            [f"sweep --beta {beta} --seed={seed}" for beta in (0.5, 0.25) for seed in (1, 2, 3)],
            "sweep --beta {{ matrix.beta }} --seed={{ matrix.seed }}",
            {"beta": ["0.5", "0.25"], "seed": "1..3"},
        ),
        (
            ["go north-east", "go south-west"],
            "go {{ matrix.value }}",
            {"value": ["north-east", "south-west"]},
        ),
        (["a x_08.png", "a x_09.png", "a x_10.png"], "a x_{{ matrix.value }}.png", {"value": "08..10"}),
        (["a b-c.txt", "a b.txt"], "a {{ matrix.value }}.txt", {"value": ["b-c", "b"]}),
        (
            ["NAME=x run 1", "NAME=y run 2"],
            "NAME={{ matrix.name }} run {{ matrix.value }}",
            [{"name": "x", "value": 1}, {"name": "y", "value": 2}],
        ),
        (["true", "true"], "true", {"run": [1, 2]}),
    ],
)
def test_what_differs_is_named_and_short(commands: list[str], template: str, matrix: object) -> None:
    """Products become axes and numbers ranges; what changes together stays together."""
    assert len({shape([command]) for command in commands}) == 1
    agreed = agree([[command] for command in commands])
    assert agreed.templates == [template]
    assert as_matrix(*distinct(agreed.names, agreed.rows)) == matrix


@pytest.mark.parametrize(
    "commands",
    [("run --fast x", "run --slow x"), ("run a", "go a"), ("run a b", "run a"), ("run a;b", "run a|b")],
)
def test_what_does_not_agree(commands: tuple[str, str]) -> None:
    """Other options, programs, signs or numbers of words are other work."""
    assert shape([commands[0]]) != shape([commands[1]])
