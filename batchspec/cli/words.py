"""Words of a command line: what was meant by one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click


class Choice(click.Choice[str]):
    """One of a few words; the nearest is suggested."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return super().get_invalid_choice_message(value, ctx) + meant(str(value), self.choices)


def meant(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'plan'?`, or nothing where no word is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""
