"""YAML 1.2 values, their places, and the limits of what is read at all (F10, S-10)."""

import re
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchspec.codes import Code
from batchspec.document import parser
from batchspec.document.document import Document
from batchspec.document.parser import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_FINDINGS, decode
from batchspec.errors import SpecError
from batchspec.source import Position, Source, lines_of

from .front_end import LOADERS, parse, refused


def text_at(source: Source, position: Position) -> str:
    """What stands at *position*."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", source.text)
    part = lines[position.line - 1 : position.end_line]
    if not part:
        return ""
    part[-1] = part[-1][: position.end_column - 1]
    part[0] = part[0][position.column - 1 :]
    return "".join(part)


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_do(loader: None, odd: str, end: str) -> None:
    """LF, CR and both together end a line; what YAML 1.1, Python or Unicode hold for a line end does not."""
    text = end.join(["version: 1", f"name: 'a{odd}b'", "pool: {vmsize: x}", "params: [1"])
    (finding,) = refused(text)
    assert finding.position is not None
    assert finding.position.line == 4
    document = parse(text.removesuffix(f"{end}params: [1"))
    assert document.position(("pool", "vmsize")) == Position(3, 16, 3, 17)
    assert document.within(("name",), 2, 3).line == 2


def test_f10_values_are_those_of_yaml_1_2(loader: None) -> None:
    """`no`, `on`, `010`, `1:30` and dates keep their text; so does what JSON cannot carry."""
    path = Path(__file__).parent / "cases" / "accepted" / "yaml-1.2.yaml"
    assert parse(path.read_text(encoding="utf-8")).data == {
        "version": 1,
        "name": "no",
        "params": {
            "on": "on",
            "yes": "yes",
            "leading": "010",
            "ratio": "1:30",
            "day": "2026-01-31",
            "grouped": "1_000",
            "hex": 31,
            "octal": 15,
            "plus": 3,
            "half": 0.5,
            "thousand": 1000.0,
            "endless": ".inf",
            "not_a_number": ".nan",
            "huge": "1e999",
            "flag": True,
            "quoted": "true",
        },
    }


def test_a_number_too_long_to_be_one_stays_text(loader: None) -> None:
    """Thousands of digits, which Python refuses to convert, are no error."""
    digits = "9" * 5000
    assert parse(f"n: {digits}").data == {"n": digits}


def test_empty_values_are_none(loader: None) -> None:
    """A key without a value, `~` and `null` are None; quotes make an empty text."""
    assert parse("a:\nb: ~\nc: null\nd: ''").data == {"a": None, "b": None, "c": None, "d": ""}


def test_positions_of_keys_and_values(loader: None) -> None:
    """Lines and columns count from 1, the end is exclusive; a block ends with its last value."""
    parsed = parse("pool:\n  id: 'linux'\n  list:\n    - a\n    - {b: c}\n\nlast: |\n  one\n  two\n\n\n")
    assert parsed.position(("pool", "id")) == Position(2, 7, 2, 14)
    assert parsed.key_position(("pool", "id")) == Position(2, 3, 2, 5)
    assert parsed.position(("pool",)) == Position(2, 3, 5, 13)
    assert parsed.position(("pool", "list", 1)) == Position(5, 7, 5, 13)
    assert parsed.key_position(("pool", "list", 1)) == Position(5, 7, 5, 13)
    assert parsed.position(("pool", "list", 1, "b")) == Position(5, 11, 5, 12)
    assert parsed.position(("last",)) == Position(7, 7, 9, 6)


def test_a_path_that_is_not_there_is_its_nearest_parent() -> None:
    """What is missing is shown at the key of what it is missing from."""
    parsed = parse("pool:\n  startTask:\n    commandLine: x\n")
    assert parsed.position(("pool", "startTask", "userIdentity", "autoUser")) == Position(2, 3, 2, 12)
    assert parsed.key_position(("pool", "startTask", "wait")) == Position(2, 3, 2, 12)
    assert parsed.position(("job", "id")) == Position(1, 1, 1, 5)


def test_an_aliased_value_stands_where_it_is_written(loader: None) -> None:
    """A finding inside an alias is shown at the anchor, where it can be mended."""
    parsed = parse("a: &x {k: v}\nb: *x\n")
    assert parsed.data == {"a": {"k": "v"}, "b": {"k": "v"}}
    assert parsed.position(("b", "k")) == Position(1, 11, 1, 12)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("v: run {{ x }} now", (1, 8, 1, 15)),
        ("v: 'it''s {{ x }}'", (1, 11, 1, 18)),
        ('v: "run {{ x }}"', (1, 9, 1, 16)),
        ("v: |\n  one\n    {{ x }} two", (3, 5, 3, 12)),
        ("v: >-  # why\n  one\n  {{ x }}\n\n  two", (3, 3, 3, 10)),
        ("v: one\n  {{ x\n  }}", (2, 3, 3, 5)),
        ("v: 'one\n\n  {{ x }}'", (3, 3, 3, 10)),
    ],
)
def test_a_part_of_a_text_has_its_exact_place(loader: None, text: str, place: tuple[int, ...]) -> None:
    """In plain, quoted and block texts, folded or not, a placeholder is found character by character."""
    parsed = parse(text)
    value = parsed.data["v"]
    assert isinstance(value, str)
    assert parsed.within(("v",), value.index("{{"), value.index("}}") + 2) == Position(*place)


def test_a_part_of_a_text_with_escapes_is_the_whole(loader: None) -> None:
    """Where escapes hide which character is which, no wrong place is given."""
    parsed = parse('v: "\\x41 {{ x }}"')
    assert parsed.within(("v",), 2, 9) == parsed.position(("v",))


def test_a_scalar_can_be_had_as_written() -> None:
    """A version number keeps its trailing zero."""
    assert parse("v: 3.10\nw: 'a'").written(("v",)) == "3.10"


# Texts that YAML 1.2 reads as numbers and 1.1 does not: PyYAML would write them without quotes.
NEW_NUMBER = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+|0o[0-7]+")
PRINTABLE = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " \n\t:#-?'\"{}[],&*!|>%@`\\äß日🎬~=<"),
    max_size=25,
).filter(lambda text: not NEW_NUMBER.fullmatch(text))
TREES = st.recursive(
    PRINTABLE | st.integers(-(10**6), 10**6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4),
    max_leaves=12,
)


@given(
    data=st.dictionaries(PRINTABLE, TREES, min_size=1, max_size=4),
    flow=st.sampled_from([None, True, False]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    width=st.sampled_from([20, 80, 1000]),
    at=st.data(),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_yaml_writes_is_read_back_with_exact_places(
    data: dict[str, object], flow: bool | None, style: str | None, width: int, at: st.DataObject
) -> None:
    """Values come back as they were, both loaders agree on every place, and parts of texts are where they seem."""
    if style is not None:
        data = {key: _texts(value) for key, value in data.items()}  # else PyYAML writes tags
    text = yaml.safe_dump(
        data, default_flow_style=flow, default_style=style, width=width, allow_unicode=True, sort_keys=False
    )
    documents = []
    for name in LOADERS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parser, "_Loader", name)
            documents.append(parser.parse(Source("spec.yaml", text)))
    assert documents[0].data == data
    for path, value in _leaves(data):
        assert len({parsed.position(path) for parsed in documents}) == 1
        if isinstance(value, str) and value.strip():
            start = at.draw(st.integers(0, len(value) - 1))
            end = at.draw(st.integers(start + 1, len(value)))
            _check_part(documents[0], path, value, start, end)


def _check_part(parsed: Document, path: tuple[str | int, ...], value: str, start: int, end: int) -> None:
    position = parsed.within(path, start, end)
    if position != parsed.position(path) and value[start:end].strip():
        shown = text_at(parsed.source, position).replace("''", "'")
        wanted = "".join(value[start:end].split()).replace("''", "'")
        assert "".join(shown.split()).startswith(wanted)


def _texts(value: object) -> object:
    """*value* with every scalar in it a text."""
    if isinstance(value, dict):
        return {key: _texts(member) for key, member in value.items()}
    return [_texts(member) for member in value] if isinstance(value, list) else str(value)


def _leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], object]]:
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in _leaves(member, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, member in enumerate(value) for leaf in _leaves(member, (*path, i))]
    return [(path, value)]


@given(st.text(max_size=60) | st.text("{}[]:-?&*!|>'\"#%@` \n\ta1<,", max_size=60))
@settings(max_examples=300)
def test_any_text_is_a_document_or_a_spec_error(text: str) -> None:
    """Nothing else is raised, with either loader, and every finding has its place in the text."""
    for name in LOADERS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parser, "_Loader", name)
            try:
                parser.parse(Source("spec.yaml", text))
            except SpecError as error:
                for finding in error.diagnostics:
                    assert finding.position is None or finding.position.line <= len(lines_of(text))


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_a_spec_error(data: bytes) -> None:
    """A file that is not UTF-8 is a finding, never a traceback."""
    try:
        text = decode(data, "spec.yaml").text
    except SpecError as error:
        codes = [finding.code for finding in error.diagnostics]
    else:
        codes = [] if text.encode() == data.removeprefix(b"\xef\xbb\xbf") else ["changed"]
    assert codes in ([], [Code.NOT_UTF8.value])


def test_a_byte_order_mark_is_no_part_of_the_text(loader: None) -> None:
    """Columns of the first line are what an editor shows."""
    assert decode(b"\xef\xbb\xbfversion: 1", "spec.yaml").text == "version: 1"
    assert parse("\ufeffversion: 1").position(("version",)) == Position(1, 10, 1, 11)


def test_utf_16_is_named() -> None:
    """Whoever saved the file with another encoding reads which one."""
    with pytest.raises(SpecError) as caught:
        decode("version: 1".encode("utf-16"), "spec.yaml")
    assert caught.value.diagnostics[0].label == "this is UTF-16"


def test_s10_a_large_file_is_not_read(loader: None) -> None:
    """One byte over the limit, and neither decoding nor parsing begins."""
    with pytest.raises(SpecError) as caught:
        decode(b"#" * (MAX_BYTES + 1), "spec.yaml")
    assert [finding.code for finding in caught.value.diagnostics] == [Code.TOO_LARGE.value]
    assert [finding.code for finding in refused("#" * (MAX_BYTES + 1))] == [Code.TOO_LARGE.value]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_s10_deep_nesting_ends_early(loader: None, opening: str) -> None:
    """Depth is counted while reading, so the recursion never gets deep."""
    (finding,) = refused(opening * 2000)
    assert finding.code == Code.TOO_DEEP.value
    assert finding.position is not None
    assert finding.position.column <= len(opening) * (MAX_DEPTH + 2)


def test_s10_nesting_up_to_the_limit_is_read(loader: None) -> None:
    """The limit refuses nothing that a spec could need."""
    inner = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert "a" in parse(f"a: {inner}").data


def test_s10_aliases_are_counted_as_if_written_out(loader: None) -> None:
    """A few hundred bytes that would become millions of values are refused before anyone walks them."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{o}'] * 9)}]" for o, n in zip("abcdefgh", "bcdefghi", strict=True)]
    assert [finding.code for finding in refused("\n".join(lines))] == [Code.ALIAS_BUDGET.value]


def test_s10_the_number_of_aliases_is_limited(loader: None) -> None:
    """Even of small things."""
    uses = ", ".join(["*a"] * MAX_ALIASES)
    assert len(parse(f"a: &a x\nb: [{uses}]").data["b"]) == MAX_ALIASES  # type: ignore[arg-type]
    assert [f.code for f in refused(f"a: &a x\nb: [{uses}, *a]")] == [Code.ALIAS_BUDGET.value]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "a: &a\n  - b\n  - *a"])
def test_s10_a_structure_cannot_hold_itself(loader: None, text: str) -> None:
    """A cycle is refused where it closes."""
    assert [finding.code for finding in refused(text)] == [Code.ALIAS_CYCLE.value]


@pytest.mark.parametrize(
    "text", ["a: !x 1", "a: !!str 1", "!!map {a: 1}", "a: ! 1", "%TAG !e! tag:x,1:\n---\na: 1"]
)
def test_s10_no_tag_is_taken(loader: None, text: str) -> None:
    """Not even the harmless ones: what a value is, its form says."""
    assert [finding.code for finding in refused(text)] == [Code.TAG.value]


def test_half_a_character_is_no_text(loader: None) -> None:
    """An escaped surrogate could never be written out again."""
    assert len(refused('a: "\\ud83c"')) == 1


def test_s10_findings_are_limited(loader: None) -> None:
    """A large wrong file gives a page of findings, not a book."""
    assert len(refused("a: 1\n" * 5000)) == MAX_FINDINGS


def test_all_findings_of_a_file_come_together(loader: None) -> None:
    """Repeated keys, tags and bad keys are found in one run, in order of position."""
    found = refused("a: 1\na: 2\nb: !x 1\n1: c\nb: *d\n")
    assert [(finding.code, finding.place) for finding in found] == [
        (Code.DUPLICATE_KEY.value, "spec.yaml:2:1"),
        (Code.TAG.value, "spec.yaml:3:4"),
        (Code.KEY_NOT_TEXT.value, "spec.yaml:4:1"),
        (Code.DUPLICATE_KEY.value, "spec.yaml:5:1"),
        (Code.UNKNOWN_ALIAS.value, "spec.yaml:5:4"),
    ]


def test_a_finding_knows_its_place() -> None:
    """Of a value, of a key, of a part of a text; a block is shown at its key, the whole document nowhere."""
    parsed = parse("pool:\n  id: a {{ x }}\n")
    code = Code.OTHER_RULE
    assert parsed.diagnostic(code, "s", ("pool", "id")).position == Position(2, 7, 2, 16)
    assert parsed.diagnostic(code, "s", ("pool", "id"), key=True).position == Position(2, 3, 2, 5)
    assert parsed.diagnostic(code, "s", ("pool", "id"), span=(2, 9)).position == Position(2, 9, 2, 16)
    assert parsed.diagnostic(code, "s", ("pool",)).position == Position(1, 1, 1, 5)
    assert parsed.diagnostic(code, "s", ()).position is None


@pytest.mark.parametrize("piece", ["x", "{", "{{", "{a}", "{a", "- ", "-  ", "a: ", '"', "'", "[", "{{ a }}"])
def test_a_long_line_that_cannot_be_read_is_refused_soon(loader: None, piece: str) -> None:
    """Whatever it is made of, what is said of it takes no time that grows with the square of its length."""
    assert refused("v: [" + piece * (60_000 // len(piece)) + ' "\\u" ]: {{ x')
