"""Findings as text, JSON and annotations; the texts of whole specs are in tests/spec/cases."""

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.render.findings.diagnostics import as_annotations, as_json, as_text, tally
from batchspec.source import Diagnostic, Position, Severity, Source

SOURCE = Source(
    "specs/ffmpeg.yaml", "version: 1\nname: clips\npool:\n  vmsize: small\n  日本: 五 # six\n\nlast: 1\n"
)
UNKNOWN = Diagnostic(
    "BS0103",
    "unknown field `vmsize`",
    SOURCE,
    Position(4, 3, 4, 9),
    ("pool", "vmsize"),
    "not a field of `pool`",
    ("did you mean `vmSize`?",),
)


def warning(**changes: object) -> Diagnostic:
    values: dict[str, object] = {
        "code": "BS0299",
        "summary": "odd",
        "source": SOURCE,
        "severity": Severity.WARNING,
    }
    return Diagnostic(**(values | changes))  # type: ignore[arg-type]


def test_a_finding_as_text() -> None:
    """Head, place, the lines about it with the mark under the one that counts, help."""
    assert as_text([UNKNOWN], color=False) == (
        "error[BS0103]: unknown field `vmsize`\n"
        "  --> specs/ffmpeg.yaml:4:3\n"
        "   |\n"
        " 2 | name: clips\n"
        " 3 | pool:\n"
        " 4 |   vmsize: small\n"
        "   |   ^^^^^^ not a field of `pool`\n"
        " 5 |   日本: 五 # six\n"
        "   |\n"
        "   = help: did you mean `vmSize`?\n"
    )


def test_colour_is_only_added() -> None:
    """Without its escapes the coloured text is the plain one: no information is in colour alone."""
    colored = as_text([UNKNOWN, warning()], color=True)
    assert "\x1b[31m" in colored
    assert "\x1b[33m" in colored
    assert re.sub(r"\x1b\[[0-9]+m", "", colored) == as_text([UNKNOWN, warning()], color=False)


def test_findings_come_in_order_of_position() -> None:
    """Those about the whole file first, a line between two, whatever order they were found in."""
    first, second, third = as_text(
        [UNKNOWN, warning(position=Position(7, 1, 7, 5)), warning()], color=False
    ).split("\n\n")
    assert [block.split("\n")[1].strip() for block in (first, second, third)] == [
        "--> specs/ffmpeg.yaml",
        "--> specs/ffmpeg.yaml:4:3",
        "--> specs/ffmpeg.yaml:7:1",
    ]


def test_marks_stand_under_wide_characters() -> None:
    """A mark is as wide as what it marks is on the screen."""
    text = as_text([warning(position=Position(5, 7, 5, 8), label="five")], color=False)
    assert " 5 |   日本: 五 # six\n   |         ^^ five\n" in text


def test_a_finding_without_place_keeps_its_label() -> None:
    """What would stand beside the mark becomes a note."""
    assert as_text([warning(label="all of it", helps=("do\nthis",))], color=False) == (
        "warning[BS0299]: odd\n"
        "  --> specs/ffmpeg.yaml\n"
        "   = note: all of it\n"
        "   = help: do\n"
        "           this\n"
    )  # fmt: skip


def test_long_labels_and_helps_are_wrapped() -> None:
    """Beside the mark where there is room, else below it; words stay whole."""
    label = "this takes more words than there is room for beside the mark, so that it goes on below"
    text = as_text(
        [warning(position=Position(4, 11, 4, 16), label=label, helps=(label,))], color=False, width=60
    )
    assert text.splitlines()[6:] == [
        "   |           ^^^^^ this takes more words than there is",
        "   |                 room for beside the mark, so that it",
        "   |                 goes on below",
        " 5 |   日本: 五 # six",
        "   |",
        "   = help: this takes more words than there is room for",
        "           beside the mark, so that it goes on below",
    ]


def test_a_long_line_shows_the_part_that_matters() -> None:
    """The window moves to the mark, and its neighbours with it."""
    source = Source("x", f"a: {'b' * 90}\nc: [{'d, ' * 100}HERE, {'e, ' * 100}]\n")
    found = warning(source=source, position=Position(2, 305, 2, 309), label="here")
    assert as_text([found], color=False, width=50) == (
        "warning[BS0299]: odd\n"
        "  --> x:2:305\n"
        "   |\n"
        " 2 | … d, d, d, HERE, e, e, e, e, e, e, e, e, e, …\n"
        "   |            ^^^^ here\n"
    )


def test_a_hundred_findings_are_shown() -> None:
    """Then how many more there are."""
    text = as_text([warning()] * 103, color=False)
    assert text.count("warning[BS0299]") == 100
    assert text.endswith("\n… and 3 more\n")


def test_tally() -> None:
    """Numbers and files, as the last line of a report."""
    assert tally([UNKNOWN, warning(), UNKNOWN]) == "2 errors, 1 warning in specs/ffmpeg.yaml"
    assert tally([]) == ""


def test_nothing_found_is_nothing_shown() -> None:
    """No findings, no text."""
    assert (as_text([], color=True), as_json([]), as_annotations([])) == ("", [], "")


def test_findings_as_json() -> None:
    """Names and positions as editors have them, nulls where there is no place."""
    assert as_json([UNKNOWN, warning()]) == [
        {
            "code": "BS0299",
            "severity": "warning",
            "summary": "odd",
            "file": "specs/ffmpeg.yaml",
            "line": None,
            "column": None,
            "endLine": None,
            "endColumn": None,
            "path": "",
            "label": "",
            "helps": [],
        },
        {
            "code": "BS0103",
            "severity": "error",
            "summary": "unknown field `vmsize`",
            "file": "specs/ffmpeg.yaml",
            "line": 4,
            "column": 3,
            "endLine": 4,
            "endColumn": 9,
            "path": "pool.vmsize",
            "label": "not a field of `pool`",
            "helps": ["did you mean `vmSize`?"],
        },
    ]


def test_findings_as_annotations() -> None:
    """Workflow commands with their place; without columns when it spans lines."""
    lines = warning(position=Position(1, 1, 3, 2), summary="odd, 100% sure: yes", helps=("a\nb",))
    assert as_annotations([UNKNOWN, lines]) == (
        "::warning file=specs/ffmpeg.yaml,line=1,endLine=3,title=BS0299%3A odd%2C 100%25 sure%3A yes"
        "::odd, 100%25 sure: yes%0Aa%0Ab\n"
        "::error file=specs/ffmpeg.yaml,line=4,endLine=4,col=3,endColumn=9,"
        "title=BS0103%3A unknown field `vmsize`::not a field of `pool`%0Adid you mean `vmSize`?\n"
    )


ANY = st.text(st.characters(), max_size=30)
HOSTILE = st.sampled_from(
    ["\n::error::x", "\r::error::x", "\x1b[2J", "\u202e", "::set-output name=a::b", "##[group]"]
)


@given(
    st.lists(ANY | HOSTILE, min_size=6, max_size=6),
    st.text(max_size=300),
    st.tuples(*[st.integers(1, 40)] * 4),
)
@settings(max_examples=200)
def test_s22_no_output_is_more_than_text(
    texts: list[str], file: str, numbers: tuple[int, int, int, int]
) -> None:
    """Whatever a diagnostic carries, nothing reaches the terminal as a control, and no workflow command is made up."""
    line, column, more_lines, more_columns = numbers
    name, summary, label, *helps = texts
    position = Position(line, column, line + more_lines - 1, column + more_columns)
    found = warning(
        source=Source(name, file), position=position, summary=summary, label=label, helps=tuple(helps)
    )
    text = as_text([found], color=False)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(re.match(r"\s*::[a-z]", row) or "##[" in row for row in text.splitlines())
    annotations = as_annotations([found])
    assert annotations.startswith("::warning file=")
    assert annotations.count("\n") == 1
    assert "\r" not in annotations
    json.dumps(as_json([found]))


@given(st.data(), st.integers(30, 120))
@settings(max_examples=200)
def test_marks_stand_under_what_they_mark(draw: st.DataObject, width: int) -> None:
    """In a line of any length and any width of page, the marked text is above its mark."""
    before, marked, after = (draw.draw(st.text("ab日 ", max_size=n)) for n in (200, 8, 200))
    marked = f"<{marked}>"
    source = Source("x", f"{before}{marked}{after}\n")
    position = Position(1, len(before) + 1, 1, len(before) + len(marked) + 1)
    lines = as_text([warning(source=source, position=position)], color=False, width=width).splitlines()
    row, mark = _cells(lines[3]), lines[4]
    assert len(row) <= width
    assert "".join(row[mark.index("^") : mark.rindex("^") + 1]).rstrip("…").rstrip() == marked.rstrip()


def _cells(text: str) -> list[str]:
    """One entry a column: a wide character and nothing."""
    return [cell for character in text for cell in ([character, ""] if character == "日" else [character])]


def test_a_mark_at_the_edge_without_a_label_is_shown() -> None:
    """What is missing behind a line that just fits, with nothing to say beside it."""
    finding = warning(source=Source("s.yaml", "x" * 95), position=Position(1, 96, 1, 97))
    assert as_text([finding], color=False).endswith("^\n")
