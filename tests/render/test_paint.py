"""Colours and widths of what is printed on a terminal (issue 13, point 3)."""

import re

import pytest

from batchspec.render.paint import plan_painted, status_painted, summary_painted
from batchspec.render.show import columns, padded, shown
from batchspec.render.wrap import wrapped

PLAN = """\
  -/+ pool video         a field that cannot change differs  a.yaml:4
      ~ vmSize  "a" -> "b"    (needs a new one)
      + image  "c"
          - not a sign
  > 3 tasks in job video
      > encode/a.mp4                              new input  a.yaml:9
        - neither is this
  = 2 tasks up to date

Plan: 1 to replace, 3 to run; 2 tasks up to date.
"""
STATUS = """\
video
  pool   video-pool  active, steady  2 running
  tasks  [=====-----....!!] 5 succeeded, 5 running, 2 waiting, 1 failed
         failed: encode/5 failed.mp4  exit code 1
  DEGRADED(nodes_unusable)  1 of 2 nodes
  STUCK(quota)  no more cores
"""


def coloured(text: str) -> list[tuple[str, str]]:
    """What is painted, each with its code."""
    return [(code, words.strip()) for code, words in re.findall(r"\x1b\[(\d+)m(.*?)\x1b\[0m", text)]


def test_the_signs_of_a_plan_are_coloured() -> None:
    """Those of actions and fields, and no dash in a command or a value."""
    assert coloured(plan_painted(PLAN)) == [
        ("31", "-/+"),
        ("33", "~"),
        ("32", "+"),
        ("36", ">"),
        ("36", ">"),
        ("2", "="),
        ("1", "Plan: 1 to replace, 3 to run; 2 tasks up to date."),
    ]


def test_the_states_of_a_status_are_coloured() -> None:
    """The bar and its counts, failures and troubles; no name."""
    assert coloured(status_painted(STATUS)) == [
        ("32", "====="),
        ("36", "-----"),
        ("31", "!!"),
        ("32", "5 succeeded"),
        ("36", "5 running"),
        ("31", "1 failed"),
        ("31", "failed"),
        ("33", "DEGRADED(nodes_unusable)"),
        ("31", "STUCK(quota)"),
    ]


def test_how_a_run_ended_is_coloured() -> None:
    """Failures are red, labels are dim; what is all well is green."""
    text = (
        "\nvideo: 1 failed, 2 succeeded.\n  1 failed: exit code 1\n  still there job a\n  outputs     out\n"
    )
    assert coloured(summary_painted(text)) == [
        ("31", "video: 1 failed, 2 succeeded."),
        ("31", "1 failed: exit code 1"),
        ("2", "outputs"),
    ]
    assert coloured(summary_painted("v: all 2 tasks succeeded.\n")) == [("32", "v: all 2 tasks succeeded.")]


@pytest.mark.parametrize("paint", [plan_painted, status_painted, summary_painted])
def test_paint_changes_no_word(paint: object) -> None:
    """Without the colours it is what it was, and it passes the door as it is."""
    for text in (PLAN, STATUS):
        painted = paint(text)  # type: ignore[operator]
        assert re.sub(r"\x1b\[\d+m", "", painted) == text
        assert shown(painted) == painted


def test_wide_names_keep_the_columns() -> None:
    """What stands behind a name begins in the same column, whatever the name is written in."""
    names = ("clip.mp4", "映画の予告編.mp4", "🎬.mp4", "e\u0301.mp4", "a\x07.mp4", "x" * 50)
    assert {columns(shown(padded(name, 30))) for name in names} == {30, 50}


def test_long_lines_are_wrapped_at_words() -> None:
    """Below what stands behind their label, by the columns that they take; a command stays whole."""
    text = (
        "  times       upload inputs 0.2 s, create pool 0.1 s, add tasks 0.1 s\n"
        "  advice      " + "映画 " * 20 + "\n"
        "  remove it   batchspec destroy specs/ffmpeg.yaml  (--outputs: those in storage too)\n"
    )
    assert wrapped(text, 50).split("\n") == [
        "  times       upload inputs 0.2 s, create pool 0.1",
        "              s, add tasks 0.1 s",
        *["  advice      " + " ".join(["映画"] * 7), "              " + " ".join(["映画"] * 7)],
        "              " + " ".join(["映画"] * 6),
        "  remove it   batchspec destroy specs/ffmpeg.yaml  (--outputs: those in storage too)",
        "",
    ]
