"""The door by which all text leaves: safe to look at where it is for people, UTF-8 where it is for programs.

Names, answers of services and output of tasks may hold anything, so nothing else prints (`tests/test_house.py`).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

import click

from batchspec.errors import RefusedError


def escape_what_cannot_be_said() -> None:
    """From now on stdout escapes characters that its encoding does not have, as stderr does from the start."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def put(text: str, *, err: bool = False) -> None:
    """Lines for people, on stdout or stderr. They are whole: none begins with foreign text."""
    from batchspec.render.show import shown

    click.echo(shown(text), err=err, nl=False)


def put_painted(text: str, paint: Callable[[str], str], *, wraps: bool = False) -> None:
    """Lines for people, on stdout: painted where it takes colours, and on a terminal, if asked, wrapped at words."""
    if wraps and sys.stdout.isatty():
        from shutil import get_terminal_size

        from batchspec.render.wrap import wrapped

        text = wrapped(text, get_terminal_size().columns)
    put(paint(text) if colored(err=False) else text)


def say(line: str, *, err: bool = True) -> None:
    """One line for people, whatever stands in it."""
    from batchspec.render.show import show

    click.echo(show(line), err=err)


def put_file(text: str) -> None:
    """What programs read as it is: a spec, a schema, a script, annotations. It is written by us, or by the reader."""
    _speak_utf8()
    click.echo(text, nl=False)


def put_object(value: Mapping[str, Any]) -> None:
    """*value* as one line of JSON on stdout."""
    from batchspec.render.show import json_text

    put_json([json_text(value)])


def put_json(pieces: Iterable[str]) -> None:
    """One line of JSON on stdout, written as its pieces come."""
    _speak_utf8()
    sys.stdout.writelines(pieces)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _speak_utf8() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def confirm(question: str, *, approved: bool) -> bool:
    """The person's word: `yes` in full. False without a terminal, which never blocks."""
    if approved:
        return True
    if not is_somebody_there():
        return False
    answer = ask(question)
    if answer != "yes" and answer.lower() in ("y", "yes"):
        say(f'"{answer}" is not enough: only "yes", written in full, confirms.')
        answer = ask('Type "yes" to continue, anything else to cancel:')
    return answer == "yes"


def require_yes(question: str, *, approved: bool, nothing: str, help: str) -> None:
    """Raises `RefusedError`, which begins with *nothing*, unless it is *approved* or the person says yes."""
    if confirm(question, approved=approved):
        return
    why = 'the answer was not "yes"' if is_somebody_there() else "confirming it needs an interactive terminal"
    raise RefusedError(f"{nothing}: {why}", help=help)


def is_somebody_there() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and not os.environ.get("CI")


def ask(question: str) -> str:
    """What the person answers."""
    from batchspec.render.show import show

    answer: str = click.prompt(show(question), prompt_suffix=" ", default="no", show_default=False, err=True)
    return answer


def is_live(stream: TextIO) -> bool:
    """Whether *stream* is a terminal on which what was written can be written over."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def colored(*, err: bool = True) -> bool:
    """Whether stderr takes colours, or else stdout."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(sys.stderr if err else sys.stdout)
