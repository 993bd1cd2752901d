"""What is said of text that is not YAML: the same of libyaml and PyYAML, whatever their releases call it."""

import pytest

from batchspec.codes import Code
from batchspec.document.syntax import Trouble, syntax_finding
from batchspec.source import Source

from .front_end import refused

SLIPS = [
    ("a: b: c", "unexpected `:`", "1:5"),
    ("a: 1\n  b: 2", "unexpected `:`", "2:4"),
    ("a: 1\nb\nc: 2", "expected `:` after this key", "3:1"),
    ('"a": 1\n"b"\nc: 2', "expected `:` after this key", "3:1"),
    ("a:\n    b: 1\n  c: 2", "expected a key", "3:3"),
    ('"a":\n    b: 1\n  c: 2', "expected a key", "3:3"),
    ("a: 'it's'", "expected a key", "1:8"),
    ("a:\n  - b\n  c: 1", "expected a list item", "3:3"),
    ("- a\nb: 1", "expected a list item", "2:1"),
    ("a: [1, 2\nb: 3", "expected `,` or `]`", "2:2"),
    ("a: ['x' 'y']", "expected `,` or `]`", "1:9"),
    ("a: {b: 1]", "expected `,` or `}`", "1:9"),
    ('{"a": 1 "b": 2}', "expected `,` or `}`", "1:12"),
    ("a: ]", "expected a value", "1:4"),
    ("a: [b,, c]", "expected a value", "1:7"),
    ("a: - b", "a list cannot start here", "1:4"),
    ('a: "b\nc: 1', "unclosed quotes", "1:4"),
    ("a: [1, 'b]", "unclosed quotes", "1:8"),
    ('a: "b\n--- "c"', "unclosed quotes", "2:1"),
    ('a: "b\\', "unclosed quotes", "1:4"),
    ('a: "C:\\Users"', "unknown escape", "1:9"),
    ('a: "\\UFFFFFFFF"', "unknown escape", "1:7"),
    ("a: @b", "a value cannot start with this character", "1:4"),
    ("a: `b`", "a value cannot start with this character", "1:4"),
    ("a: ? b", "a value cannot start with this character", "1:4"),
    ("in: *.mp4", "a value cannot start with this character", "1:6"),
    ("a: |x\n  b", "expected a line break after `|` or `>`", "1:5"),
    ("'a'\nb: 1", "expected the end of the file", "2:1"),
    ("a:\n\tb: 1", "a tab cannot indent", "2:1"),
    ("a: {{ x }}/y", "a placeholder that starts a value needs quotes", "1:4"),
]


@pytest.mark.parametrize(("text", "summary", "place"), SLIPS, ids=[text for text, *_ in SLIPS])
def test_a_slip_is_named_whichever_parser_meets_it(loader: None, text: str, summary: str, place: str) -> None:
    """The places it reports and our own look at the text decide."""
    (finding,) = refused(text)
    assert (finding.summary, finding.place) == (summary, f"spec.yaml:{place}")


@pytest.mark.parametrize(
    "sentence", ["odd", "mapping values are not allowed", "exceeded maximum nesting depth"]
)
@pytest.mark.parametrize(
    ("text", "trouble"), [("a: !x!y z", Trouble(3, 3)), ("%b: 1", Trouble(2, 0, True)), ("a", Trouble(None))]
)
def test_the_sentence_of_the_parser_decides_nothing(text: str, trouble: Trouble, sentence: str) -> None:
    """It is repeated where we know nothing better."""
    found = syntax_finding(Source("spec.yaml", text), trouble._replace(sentence=sentence))
    assert (found.code, found.summary) == (Code.NOT_YAML.value, f"not YAML: {sentence}")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [70, 900, 1_100, 20_000])
def test_depth_is_found_by_us_whether_or_not_the_parser_gives_up(
    loader: None, opening: str, depth: int
) -> None:
    """One that reads ahead may meet a limit of its own first, and where something else is wrong behind."""
    for end in ("", "@"):
        (finding,) = refused(opening * depth + end)
        assert finding.code == Code.TOO_DEEP.value
