"""What a failed task wrote is cut to its first and last lines (issue 13, point 2)."""

import pytest

from batchspec.engine.health.wrote import excerpt

BANNER = """\
ffmpeg version 6.1.1 Copyright (c) 2000-2023 the FFmpeg developers
  built with gcc 13 (Ubuntu)
  configuration: --enable-gpl
  libavutil      58. 29.100 / 58. 29.100
"""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (0, ()),
        (5, ("1", "2", "3", "4", "5")),
        (9, ("1", "2", "3", "4", "5", "6", "7", "8", "9")),
        (10, ("1", "2", "3", "… 2 more lines …", "6", "7", "8", "9", "10")),
        (1000, ("1", "2", "3", "… 992 more lines …", "996", "997", "998", "999", "1000")),
    ],
)
def test_the_first_and_the_last_lines_are_kept(lines: int, said: tuple[str, ...]) -> None:
    """Three and five, or all where only one would be left out; lines without text do not count."""
    assert excerpt("\n\n".join(map(str, range(1, lines + 1)))).lines == said


def test_the_cause_comes_first() -> None:
    """Not how ffmpeg was built, but what it says of the input; of one long line of progress, the end."""
    wrote = excerpt(f"{BANNER}[in#0] Invalid data found\n" + "frame=1\r" * 50 + "y" * 400 + "END\n")
    assert wrote.first == ("[in#0] Invalid data found", "frame=1", "frame=1")
    assert wrote.left_out == 44
    assert wrote.last[-1] == f"…{'y' * 297}END"
