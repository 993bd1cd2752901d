"""Globs: what they match, what their axes are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.language.glob.pattern import AmbiguousPath, Glob, parse
from batchspec.language.glob.syntax import GlobError

MATCHES = [
    ("clips/**/*.mp4", "clips/a.mp4"),
    ("clips/**/*.mp4", "clips/x/y/a.mp4"),
    ("clips/**", "clips/x/a.mp4"),
    ("**", "a"),
    ("**/**/x", "x"),
    ("**/a/**/a/b", "x/a/a/b"),
    ("*a*ab", "caab"),
    ("./a//b?", "a/bc"),
    ("../a/*", "../a/b"),
    ("/data/*.x", "/data/a.x"),
    (".h*", ".hidden"),
    ("[ab]*", "bc"),
    ("[!ab]", "c"),
    ("[]]", "]"),
    ("[a-c]", "b"),
    ("[", "["),
    ("reads/*_{1,2}.fq.gz", "reads/gut_2.fq.gz"),
    ("*.{mp4,MP4}", "a.MP4"),
    ("{raw,day/1}/*.mp4", "day/1/a.mp4"),
    ("{a,b{c,d}}", "bd"),
    ("a{,.gz}", "a"),
    ("[{]a[}]", "{a}"),
    ("a{b c}", "a{b c}"),
]

DIFFERS = [
    ("clips/**/*.mp4", "other/a.mp4"),
    ("clips/**/*.mp4", "clips/.x/a.mp4"),
    ("clips/*.mp4", "clips/.a.mp4"),
    ("clips/*.mp4", "clips/x/a.mp4"),
    ("clips/**", "clips"),
    ("[!a]*", ".b"),
    ("a[!b]c", "a/c"),
    ("[b-a]", "a"),
    ("reads/*_{1,2}.fq.gz", "reads/gut_3.fq.gz"),
]


@pytest.mark.parametrize(("text", "path"), MATCHES)
def test_a_path_that_matches(text: str, path: str) -> None:
    """A glob without axes gives nothing for a path that matches, and its levels lead there."""
    assert parse(text).match(path) == {}
    assert _by_levels(parse(text), path)


@pytest.mark.parametrize(("text", "path"), DIFFERS)
def test_a_path_that_does_not_match(text: str, path: str) -> None:
    """What does not match gives None, and the levels do not lead there."""
    assert parse(text).match(path) is None
    assert not _by_levels(parse(text), path)


def test_hidden_names_where_wildcards_take_them() -> None:
    """A glob for blobs takes names that begin with a dot, as Storage knows of no hidden ones."""
    assert parse("**/*.mp4", hidden=True).match(".x/.a.mp4") == {}


@pytest.mark.parametrize(
    ("text", "path", "axes"),
    [
        ("films/{title}.mov", "films/alpha.b.mov", {"title": "alpha.b"}),
        ("{a}_{b}.fq", "x_y.fq", {"a": "x", "b": "y"}),
        ("{title}.{lang:[a-z][a-z]}.srt", "a.b.en.srt", {"title": "a.b", "lang": "en"}),
        ("{where:**}/{n:[0-9]*}.png", "a/b/01.png", {"where": "a/b", "n": "01"}),
        ("{where:**}/{n:[0-9]*}.png", "01.png", {"where": "", "n": "01"}),
        ("raw/{where:**}", "raw/a/01.png", {"where": "a/01.png"}),
        ("{name}.{kind:{mp4,mov}}", "a.mov", {"name": "a", "kind": "mov"}),
        ("{day}/{day}.mov", "mon/mon.mov", {"day": "mon"}),
        ("**/{day}/x", "a/b/x", {"day": "b"}),
        ("*-{n:?}-*", "ab-c-de", {"n": "c"}),
    ],
)
def test_axes(text: str, path: str, axes: Mapping[str, str]) -> None:
    """Each axis has the part of the path that stands in its place."""
    assert parse(text).match(path) == axes
    assert parse(text).axes == tuple(axes)


@pytest.mark.parametrize(
    ("text", "path"),
    [("films/{title}.mov", "films/.mov"), ("{day}/{day}.mov", "mon/tue.mov"), ("{n:[0-9]}.png", "a.png")],
)
def test_axes_that_do_not_fit(text: str, path: str) -> None:
    """An axis is never empty, fits its own glob, and is the same wherever it stands."""
    assert parse(text).match(path) is None


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (
            "{title}.{lang}.srt",
            "a.b.en.srt",
            "'a.b.en.srt' can be split in two ways: title='a', lang='b.en' and title='a.b', lang='en'",
        ),
        ("**/{a}/**/x", "p/q/x", "'p/q/x' can be split in two ways: a='p' and a='q'"),
        ("{{a}-b,{a}}", "x-b", "'x-b' can be split in two ways: a='x' and a='x-b'"),
    ],
)
def test_a_path_that_can_be_split_in_two_ways(text: str, path: str, said: str) -> None:
    """The error shows both."""
    with pytest.raises(AmbiguousPath) as raised:
        parse(text).match(path)
    assert raised.value.message == said


@pytest.mark.parametrize(
    ("text", "said", "characters"),
    [
        ("", "an empty glob", ""),
        ("a/", "a glob that names a folder", ""),
        ("a/../b", "`..` may stand only at the beginning of a glob", ""),
        ("a/{t:b,c}", "a comma in an axis", ","),
        ("a/{t:b/c}", "a slash in the axis `t`", "{t:b/c}"),
        ("a/b{t:**}", "`{t:**}` must stand between slashes", "{t:**}"),
        ("{a,{b}}", "the axis `b` is not in every alternative", "{b}"),
        ("{a:{b}}", "an axis within the axis `a`", "{b}"),
        ("{a}{a}", "the axis `a` appears twice in one name", "{a}"),
        ("x/{folder}", "`folder` is reserved and cannot name an axis", "{folder}"),
        ("{a,b}" * 9, "more than 256 combinations of alternatives", ""),
        ("a" * 5000, "a glob longer than 4,096 characters", ""),
    ],
)
def test_a_glob_that_cannot_be_read(text: str, said: str, characters: str) -> None:
    """The error says why, and which characters it is about."""
    with pytest.raises(GlobError) as raised:
        parse(text)
    assert raised.value.message == said
    assert text[slice(*raised.value.span)] == characters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a{b c}d", "these braces are taken literally: {b c}"),
        ("a{1..3}", "these braces are taken literally: {1..3}"),
        ("a}", "this `}` closes nothing and is taken literally: }"),
        ("a{b", "this `{` is not closed and is taken literally: {"),
        ("[{]*", ""),
    ],
)
def test_literal_braces(text: str, said: str) -> None:
    """A brace that is neither an axis nor an alternative gets a warning; `[{]` gets none."""
    found = [f"{w.message}: {text[slice(*w.span)]}" for w in parse(text).warnings]
    assert found == ([said] if said else [])


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("a/b/*.x", "a/b/"),
        ("a.x", ""),
        ("a/{b}/c", "a/"),
        ("a/{b,c}/d", "a/"),
        ("../a/*", "../a/"),
        ("/a/*", "/a/"),
        ("./*", ""),
        ("a[/x", ""),
    ],
)
def test_the_fixed_part(text: str, fixed: str) -> None:
    """It is the folders before the first wildcard."""
    assert parse(text).fixed == fixed


def test_names_that_differ_only_in_case() -> None:
    """A level tells a name that would fit in other case from one that fits."""
    level = parse("*.mp4").start
    assert [level.misses(name) for name in ("a.MP4", "a.mp4", "a.mov")] == [True, False, False]


def test_a_level_with_known_names() -> None:
    """Where no wildcard stands, a walk need not list a folder."""
    names = parse("a/{b,c}/*").start.below("a")
    assert names is not None
    assert names.names == ("b", "c")
    assert parse("*").start.names is None


HARD = [
    ("**/" * 400 + "*a" * 200 + "b", "/".join(["a" * 250] * 500) + "c"),
    ("*a" * 1000 + "b", "a" * 4000),
    ("/".join(["**/a*"] * 300) + "/b", "/".join(["a"] * 2000) + "/c"),
    ("".join(f"{{x{n}}}" for n in range(100)) + "b", "a" * 250 + "c"),
]


@pytest.mark.parametrize(("text", "path"), HARD, ids=["folders", "stars", "folders and stars", "axes"])
def test_hard_globs_are_decided(text: str, path: str) -> None:
    """What could be tried in more ways than there are atoms is not: this test ends."""
    assert parse(text).match(path) is None


PIECES = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "/", "/**/", "{x}", "{y:a*}"])
PATHS = st.text("ab.", min_size=1, max_size=3).map(lambda name: name.strip("/"))


@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(PATHS, min_size=1, max_size=4))
def test_a_glob_does_what_trying_everything_gives(pieces: list[str], names: list[str]) -> None:
    """A match, its axes, and whether there is a choice, are those of all ways to split a path, tried one by one."""
    text, path = "".join(pieces), "/".join(names)
    try:
        glob = parse(text)
    except GlobError:
        return
    parts = [part for part in text.split("/") if part not in ("", ".")]
    ways = set(_every_way(parts, names)) if not text.startswith("/") else set()
    try:
        found = glob.match(path)
    except AmbiguousPath:
        assert len(ways) > 1
    else:
        assert found == (dict(next(iter(ways))) if ways else None)
        assert len(ways) <= 1
    assert _by_levels(glob, path) or not ways


def _by_levels(glob: Glob, path: str) -> bool:
    *folders, name = path.split("/")
    level = glob.start
    for folder in folders:
        below = level.below(folder)
        if below is None:
            return False
        level = below
    return level.takes(name)


Way = tuple[tuple[str, str], ...]


def _every_way(parts: list[str], names: list[str]) -> Iterator[Way]:
    """The axes of each way in which *parts* fit *names*; an axis that stands twice must agree."""
    if not parts:
        if not names:
            yield ()
        return
    first, *rest = parts
    if first == "**":
        if rest or names:
            yield from _every_way(rest or ["*"], names)
        if names and not names[0].startswith("."):
            yield from _every_way(parts, names[1:])
        return
    for head in _every_split(first, names[0], "") if names else ():
        for tail in _every_way(rest, names[1:]):
            if all(dict(head).get(axis, value) == value for axis, value in tail):
                yield tuple(sorted(set(head + tail)))


def _every_split(part: str, name: str, before: str) -> Iterator[Way]:
    if not part:
        if not name:
            yield ()
        return
    if not before and name.startswith(".") and not part.startswith("."):
        return
    end = {"{": part.find("}"), "[": part.find("]")}.get(part[0], 0) + 1
    head, rest = part[:end], part[end:]
    axis, _, glob = head.strip("{}").partition(":") if head.startswith("{") else ("", "", head)
    for length in range(len(name) + 1):
        taken = name[:length]
        if fnmatchcase(taken, glob or "?*"):
            for more in _every_split(rest, name[length:], before + taken or "-"):
                yield ((axis, taken), *more) if axis else more
