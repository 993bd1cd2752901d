"""The bodies of many tasks, as JSON: a group's is rendered once, and for each task only what differs is put in.

Rendering and serialising every task anew takes 78 us; this takes 10. A group is folded only
where putting in is all that its templates do; where a value is not as harmless as the marks
it replaces (it would be quoted, say), its task is rendered. The first tasks of a group are
rendered too, and must come out the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from operator import itemgetter
from typing import Any, NamedTuple

from batchspec.desired.bodies.body import DISPLAY_NAME_LENGTH, PLAIN, Links, Particulars, body_of, task_body
from batchspec.desired.names import Parts, input_path, output_path, parts_of
from batchspec.desired.task import DesiredTask
from batchspec.language.model import Spec, TaskGroup
from batchspec.language.templates.deferred import Deferred
from batchspec.language.templates.template import Template

_COMPARED = 3  # tasks of a group that are rendered as well: a fault of the folding would show in each of them
_MOST = 30_000  # characters; what is put in cannot make it more than a template may give
_ENCODER = json.JSONEncoder(separators=(",", ":"))

# Letters alone: a shell, a URL and JSON leave them as they are, so each is found again wherever a template put it.
_PARTS = {name: f"MARKin{name}MARK" for name in Parts._fields}
_PATH = "MARKinpathMARK"
_SIZE = 7310058200469  # a number is put into a script without quotes, so this mark is one
_OUTPUT = "MARKoutputMARK"
_ID, _NAME, _RECORD, _FINGERPRINT = "MARKidMARK", "MARKdisplayMARK", "MARKrecordMARK", "MARKfingerprintMARK"
_LINK = "MARKlinkMARK"
_MARKS = (_ID, _NAME, _RECORD, _FINGERPRINT, _LINK, _PATH, str(_SIZE), _OUTPUT, *_PARTS.values())
_SLOT = re.compile("|".join(f"({mark})" for mark in _MARKS))


class Bodies:
    """The create bodies of a spec's tasks, as they go over the wire. They hold signed URLs: send them, keep none."""

    def __init__(self, spec: Spec, output_container: str, folder: str | None = None) -> None:
        self._spec = spec
        self._links = Links(None, output_container, folder)  # all tasks share them
        self._folded: dict[str, _Folded | None] = {}
        self._compared: dict[str, int] = {}

    @property
    def links(self) -> Links:
        """Those that all tasks share."""
        return self._links

    def json(self, task: DesiredTask, task_id: str, link: str | None) -> bytes:
        """The body of *task* under *task_id*; *link* is where its input can be read."""
        name = task.group.name
        if name not in self._folded:
            self._folded[name] = _fold(self._spec, task.group, self._links, task.output is not None)
            self._compared[name] = 0
        folded = self._folded[name]
        text = folded.text(task, task_id, link) if folded and link else None
        if text is None:
            return self._rendered(task, task_id, link).encode()
        if self._compared[name] < _COMPARED:
            self._compared[name] += 1
            rendered = self._rendered(task, task_id, link)
            if text != rendered:
                self._folded[name] = None
                return rendered.encode()
        return text.encode()

    def _rendered(self, task: DesiredTask, task_id: str, link: str | None) -> str:
        return _ENCODER.encode(task_body(self._spec, task, task_id, self._links._replace(input=link)))


class _Folded(NamedTuple):
    """A body's JSON, less the values of the marks: `pick` gives those to put in, out of one for each mark.

    `pieces` are the text around the marks, with room for each in between: joining them takes a quarter of the time
    that a format takes, which looks at every character.
    """

    pieces: list[str]
    pick: Callable[[Sequence[str]], tuple[str, ...]]
    has_parts: bool  # whether parts of the input's path are among them
    used: tuple[int, ...]  # those that a command puts in: they have to be plain

    def text(self, task: DesiredTask, task_id: str, link: str) -> str | None:
        """The body's JSON; None for a task that has to be rendered."""
        item, called = task.input, task.name
        if item is None or len(called) > DISPLAY_NAME_LENGTH:  # it would have to be cut
            return None
        parts: Sequence[str] = parts_of(item.path) if self.has_parts else ()
        for number in self.used:
            value = parts[number]
            if not (value and PLAIN.issuperset(value)):
                return None
        words: Sequence[str] = (
            *(task_id, called, task.record, task.fingerprint, link, input_path(item.path), str(item.size)),
            output_path(task.output) if task.output else "",
            *parts,
        )
        # The other words are parts of these two, or have nothing to escape.
        if not _is_literal(called + task.record):
            words = [encode_basestring_ascii(word)[1:-1] for word in words]
        pieces = self.pieces.copy()
        pieces[1::2] = self.pick(words)
        return "".join(pieces)


def _fold(spec: Spec, group: TaskGroup, links: Links, has_output: bool) -> _Folded | None:
    """*group*'s body in pieces; None where its templates do more than put values in."""
    command = group.command.templates
    if not all(template.is_verbatim for template in (*command, *_templates(group.body))):
        return None
    values: dict[str, Any] = {"params": spec.params, "spec": {"name": spec.name}}
    values["input"] = {**_PARTS, "path": _PATH, "size": _SIZE}
    if has_output:
        values["output"] = {"path": _OUTPUT}
    facts = Particulars(_ID, _NAME, _RECORD, _FINGERPRINT, values)
    text = _ENCODER.encode(body_of(spec, group, facts, links._replace(input=_LINK)))
    references = {reference for template in command for reference in template.references}
    used = tuple(number for number, name in enumerate(Parts._fields) if ("input", name) in references)
    if len(text) >= _MOST:
        return None
    marks, pieces, at = [], [], 0
    for match in _SLOT.finditer(text):
        marks.append((match.lastindex or 1) - 1)
        pieces += [text[at : match.start()], ""]
        at = match.end()
    has_parts = bool(used) or any(mark in text for mark in _PARTS.values())
    return _Folded([*pieces, text[at:]], itemgetter(*marks), has_parts, used)


def _is_literal(text: str) -> bool:
    """Whether JSON has *text* as it stands."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _templates(value: Any) -> Iterator[Template]:
    """The templates in a body."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _templates(member)
    elif isinstance(value, Deferred):
        yield value.template
