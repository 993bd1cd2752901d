"""The names that a template mentions, held against those that there are."""

from collections.abc import Iterator, Mapping
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
    found = []
    for placeholder in template.parts:
        if isinstance(placeholder, str):
            continue
        for use in placeholder.uses:
            whole = template.text[placeholder.start + 2 : placeholder.end - 2].strip() == ".".join(
                use.reference
            )
            if not _exists(use.reference, known, as_text=whole) and not use.optional:
                found.append(_unknown(template.text, placeholder, use.reference))
    return found


def _exists(reference: Reference, known: object, *, as_text: bool) -> bool:
    for name in reference:
        if not has_member(known, name):
            return False
        known = member(known, name)
    return not (as_text and isinstance(known, Mapping))


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
    lists = {
        number for number, part in enumerate(template.placeholders) if _gives_list(template, part, known)
    }
    if not lists or (is_word and len(template.parts) == 1):
        return
    single = frozenset(shell.single_words(template.slotted)) if template.is_script else lists
    for number, part in enumerate(template.placeholders):
        if number in lists and number in single:
            yield part


def _gives_list(template: Template, placeholder: Placeholder, known: object) -> bool:
    """Whether *placeholder* is the bare name of a list."""
    dotted = template.text[placeholder.start + 2 : placeholder.end - 2].strip()
    for name in dotted.split("."):
        if not has_member(known, name):
            return False
        known = member(known, name)
    return isinstance(known, (Series, list))


def _leaves(known: Mapping[str, object], prefix: str) -> Iterator[str]:
    for name, value in known.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name
