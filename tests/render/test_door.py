"""What leaves batchspec is safe to look at (4.3): in text, in JSON, in errors, whoever forgot to think of it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.cli import door
from batchspec.events import NoteEvent
from batchspec.plan.actions.drift import Compared
from batchspec.plan.model import Kind
from batchspec.render.plans.as_drift import drift_text
from batchspec.render.runs.progress import Lines
from batchspec.render.show import json_text, page, shown

HOSTILE = "x\x1b[2J\u202e\n::error::forged\r##vso[task.complete]##[error]\x1b[31m"

texts = st.text(st.characters(), max_size=40)


def is_safe(line: str) -> bool:
    """Whether neither a terminal nor a CI system does anything with *line*."""
    return (
        line.isprintable()
        and not line.lstrip().startswith("::error")
        and "##vso[" not in line
        and "##[" not in line
    )


@given(st.lists(texts, max_size=5))
def test_4_3_a_page_has_as_many_lines_as_it_was_given(lines: list[str]) -> None:
    """No text in one of them begins another, moves the cursor or turns the reading direction."""
    text = page(lines)
    assert text.count("\n") == len(lines)
    assert all(line.isprintable() for line in text.split("\n"))


def test_4_3_only_our_own_colours_leave() -> None:
    """Those that findings are painted with; nothing else that a terminal acts on."""
    assert shown("\x1b[31merror\x1b[0m: x\n\x1b[2J\x1b[38;5;1m") == "\x1b[31merror\x1b[0m: x\n␛[2J␛[38;5;1m"


@given(
    st.recursive(
        texts | st.integers() | st.none(), lambda some: st.lists(some) | st.dictionaries(texts, some)
    )
)
def test_4_3_json_is_one_line_that_gives_the_value_back(value: object) -> None:
    """Whatever is in it; UTF-8 can carry it, and it prints."""
    text = json_text(value)
    assert json.loads(text) == json.loads(json.dumps(value))  # two halves of a character become one
    assert text.isprintable()
    assert text.encode()


def test_4_3_json_has_no_command_of_a_ci_system() -> None:
    """Azure Pipelines looks for its own anywhere in a line."""
    text = json_text({HOSTILE: [HOSTILE, "ä 日本"]})
    assert is_safe(text)
    assert "ä 日本" in text
    assert json.loads(text) == {HOSTILE: [HOSTILE, "ä 日本"]}


def test_4_3_no_event_summary_or_difference_forges_a_line() -> None:
    """A name, a service's message and a task's last words stay in their line."""
    note = Lines().line(NoteEvent(HOSTILE, lines=(HOSTILE,)))
    assert note is not None
    for text, count in [(note, 2), (drift_text([Compared(Kind.POOL, HOSTILE, ())]), 3)]:
        lines = text.rstrip("\n").split("\n")
        assert len(lines) == count
        assert all(map(is_safe, lines))


def test_4_3_an_error_says_error_in_one_line_only(tmp_path: Path) -> None:
    """A file's name cannot make another, in text or in JSON, whatever the locale's encoding."""
    name = "no\n::error::forged\x1b[2J\udce4 ä"
    for form in ([], ["--format", "json"]):
        words = [sys.executable, "-c", "from batchspec.cli.main import main; main()", "validate", name, *form]
        done = subprocess.run(
            words, capture_output=True, cwd=tmp_path, env={"PYTHONIOENCODING": "latin-1", "PATH": ""}
        )
        out = (done.stdout or done.stderr).decode("utf-8" if form else "latin-1")
        assert done.returncode in (64, 65)
        assert all(map(is_safe, out.rstrip("\n").split("\n")))
        assert out.count("error: ") <= 1
        if form:
            json.loads(out)


def test_an_error_that_nobody_reads_is_no_crash(tmp_path: Path) -> None:
    """`… --format json | head -1`: the exit code is that of the error, and stderr stays empty."""
    words = [sys.executable, "-c", "from batchspec.cli.main import main; main()", "plan", "no.yaml"]
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        done = subprocess.run(
            [*words, "--format", "json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={"PATH": ""},
        )
    assert (done.returncode, done.stderr) == (64, b"")


def test_4_3_json_is_utf_8_on_any_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the locale's encoding is another."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    door.put_object({"name": "日本 ä"})
    assert raw.getvalue() == '{"name": "日本 ä"}\n'.encode()


def test_names_that_an_encoding_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """For people they are escaped, instead of ending a run that prints them; a spec is UTF-8 on any stream."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    door.escape_what_cannot_be_said()
    door.say("日本 ä", err=False)
    door.put_file("name: 日本 ä\n")
    assert raw.getvalue() == "\\u65e5\\u672c ä\n".encode("latin-1") + "name: 日本 ä\n".encode()
