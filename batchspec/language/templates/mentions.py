"""The names that a template mentions, held against those that there are."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from batchspec.language.templates import shell
from batchspec.language.templates.expression import Reference
from batchspec.language.templates.template import Placeholder, Template
from batchspec.language.templates.values import Series, has_member, member


class Unknown(NamedTuple):
    """A reference to nothing, and where it stands in the text."""

    reference: Reference
    start: int
    end: int


def unknown_references(template: Template, known: Mapping[str, object]) -> list[Unknown]:
    """The names in *template* that *known* does not have; its values do not matter.

    A placeholder that would put in a whole group (`{{ params }}`) is one too.
    """
    return [
        _unknown(template.text, placeholder, use.reference)
        for placeholder in template.placeholders
        for use in placeholder.uses
        if not use.optional and _is_unknown(placeholder, use.reference, known)
    ]


def _is_unknown(placeholder: Placeholder, reference: Reference, known: object) -> bool:
    value = _looked_up(reference, known)
    is_all_of_it = placeholder.expression == ".".join(reference)
    return value is _NOTHING or (is_all_of_it and isinstance(value, Mapping))


_NOTHING = object()


def _looked_up(names: Iterable[str], known: object) -> object:
    """What *known* has under *names*, each inside the one before; `_NOTHING` where one of them is not there."""
    for name in names:
        if not has_member(known, name):
            return _NOTHING
        known = member(known, name)
    return known


def _unknown(text: str, placeholder: Placeholder, reference: Reference) -> Unknown:
    dotted = ".".join(reference)
    at = text.find(dotted, placeholder.start, placeholder.end)
    span = (at, at + len(dotted)) if at >= 0 else (placeholder.start, placeholder.end)
    return Unknown(reference, *span)


def nearest_name(reference: Reference, known: Mapping[str, object]) -> str:
    """The name in *known* that *reference* may have meant, or ""."""
    from difflib import get_close_matches

    dotted = ".".join(reference)
    names = list(_leaves(known, ""))
    same = [name for name in names if name.lower() == dotted.lower()]
    inside = [name for name in names if name.startswith(dotted + ".")]
    return [*same, *inside, *get_close_matches(dotted, names, 1), ""][0]


def misplaced_lists(
    template: Template, known: Mapping[str, object], *, is_word: bool = False
) -> Iterator[Placeholder]:
    """The placeholders that would put a list where one value is expected.

    In a script a list is several words, so it cannot be part of a word or stand where bash reads a single one.
    With *is_word*, *template* is a word of a command, and a list may be all of it.
    """
    lists = {number for number, part in enumerate(template.placeholders) if _gives_list(part, known)}
    if not lists or (is_word and len(template.parts) == 1):
        return
    single = frozenset(shell.single_words(template.slotted)) if template.is_script else lists
    for number, part in enumerate(template.placeholders):
        if number in lists and number in single:
            yield part


def _gives_list(placeholder: Placeholder, known: object) -> bool:
    """Whether *placeholder* is the bare name of a list."""
    return isinstance(_looked_up(placeholder.expression.split("."), known), (Series, list))


def _leaves(known: Mapping[str, object], prefix: str) -> Iterator[str]:
    for name, value in known.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name
