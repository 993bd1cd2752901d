"""`spec.writer`: what is written is read again as the same values, and reads well."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchspec.document.parser import parse
from batchspec.document.writer import spec_text
from batchspec.source import Path, Source

# No field of a spec holds U+0000.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.text(
    "ab {}:#-'\"\n \\$%", max_size=200
)
SCALARS = (
    st.booleans() | st.integers(-(2**31), 2**31) | TEXT | st.sampled_from(["yes", "010", "1:30", "~", "-x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(TEXT.filter(bool), inner, min_size=1, max_size=5)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), VALUES, min_size=1, max_size=4), TEXT)
def test_what_is_written_is_read_again(data: dict[str, Any], note: str) -> None:
    """Any values survive, whatever a comment beside and above them says."""
    notes: dict[Path, str] = {(key,): note for key in data}
    text = spec_text(data, notes, [note])
    assert parse(Source("written", text)).data == data


@given(TEXT)
def test_nothing_reaches_the_terminal_that_does_not_print(text: str) -> None:
    """Escape sequences and characters that turn the reading direction are written as escapes."""
    assert all(line.isprintable() for line in spec_text({"a": {"b": text}}, {}, [text]).split("\n"))


def test_how_a_spec_reads() -> None:
    """Sections apart, short values on one line, formulas as blocks, long commands folded, comments beside."""
    data = {
        "version": 1,
        "name": "encode",
        "pool": {
            "id": "encode",
            "image": "canonical:ubuntu-24_04-lts:server:latest",
            "enableAutoScale": True,
            "autoScaleFormula": "a = 1;\nb = 2;\n",
            "startTask": {
                "commandLine": "/bin/bash -c 'apt-get update && apt-get install -y ffmpeg && "
                "echo every word of it counts and none of them may be lost'",
                "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}},
                "environmentSettings": [{"name": "A", "value": "1"}, {"name": "B", "value": "two words"}],
            },
        },
        "job": {"id": "encode"},
    }
    notes: dict[Path, str] = {
        ("name",): "stamped",
        ("pool", "startTask"): "before its first task",
        ("pool", "startTask", "environmentSettings", 1): "odd",
    }
    assert spec_text(data, notes, ["From elsewhere.", "", "Look at it."]) == (
        """\
# From elsewhere.
#
# Look at it.
version: 1
name: encode # stamped

pool:
  id: encode
  image: canonical:ubuntu-24_04-lts:server:latest
  enableAutoScale: true
  autoScaleFormula: |
    a = 1;
    b = 2;
  startTask: # before its first task
    commandLine: >-
      /bin/bash -c 'apt-get update && apt-get install -y ffmpeg && echo every word of it counts and
      none of them may be lost'
    userIdentity: { autoUser: { scope: pool, elevationLevel: admin } }
    environmentSettings:
      - { name: A, value: "1" }
      - { name: B, value: "two words" } # odd

job:
  id: encode
"""
    )
