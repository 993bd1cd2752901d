"""Hostile file names: each gives its own output under its own name, and nothing is ever run from one (issue 4.4)."""

import unicodedata
from pathlib import Path

import pytest

from main_job.wire import Wire
from main_job.workload import Workload, make_clip, sound_seconds

NAMES = (
    "a.b.mp4",
    "my clip (1).mp4",
    "it's;touch pwned.mp4",
    "$(touch pwned).mp4",
    "`touch pwned`.mp4",
    "-y.mp4",
    "a:b.mp4",
    "concat:a|b.mp4",
    "out%d.mp4",
    "[x]*?.mp4",
    "$AZ_BATCH_NODE_ID.mp4",
    "{{ params.bitrate }}.mp4",
    "!history & ~home #x.mp4",
    "[bold]red[/bold].mp4",
    "%41%2F..mp4",
    "a?sig=b&c.mp4",
    unicodedata.normalize("NFC", "café.mp4"),
    unicodedata.normalize("NFD", "nfd/café.mp4"),
    "Upper.mp4",
    "low/upper.mp4",
    "one/same.mp4",
    "two/same.mp4",
    "日本語 🎬.mp4",
    "\u202egnp.mp4",  # turns the reading direction
    "x" * 196 + ".mp4",
)


def _mp3(name: str) -> str:
    return name.removesuffix(".mp4") + ".mp3"


@pytest.mark.parametrize("form", ["list", "script"])
def test_4_4_s01_s05_r28_every_hostile_name_gives_its_own_mp3_and_none_is_executed(
    workload: Workload, form: str
) -> None:
    """In one run, names that shells, ffmpeg, URLs and terminals read as something else are files and no more."""
    for clip in workload.clips.iterdir():
        clip.unlink()
    for name in NAMES:
        make_clip(workload.clips / name)
    if form == "script":
        workload.edit(
            '[ffmpeg, -nostdin, -y, -i, "{{ input.path }}", -vn, "-b:a", "{{ params.bitrate }}", "{{ output.path }}"]',
            "ffmpeg -nostdin -y -i {{ input.path }} -vn -metadata title={{ input.name }} {{ output.path }}",
        )
    ended = workload.apply()
    assert f"all {len(NAMES)} tasks succeeded" in ended.out
    assert workload.inputs() == {f"clips/{name}" for name in NAMES}
    assert workload.results() == {_mp3(name) for name in NAMES}
    assert workload.downloaded() == {_mp3(name) for name in NAMES}
    assert all(sound_seconds(workload.outputs / _mp3(name)) > 1 for name in NAMES)
    assert not list(workload.account.home.rglob("pwned*"))
    assert not list(workload.folder.rglob("pwned*"))
    assert not any(unicodedata.category(c) in ("Cf", "Cc") for c in ended.said if c != "\n")  # S-20
    assert workload.actions() == []


def test_4_4_s01_a_program_sees_the_very_bytes_of_a_name(bare: Workload) -> None:
    """Names put into words and into scripts reach the program as they are, spaces, quotes, dollars and all."""
    bare.write(
        """
        list:
          inputs: clips/*
          command: [cp, "{{ input.path }}", "{{ output.path }}"]
          output: "list/{{ input.name }}"
        words:
          inputs: clips/*
          command: [/bin/sh, -c, 'printf %s "$1" > "$2"', sh, "{{ input.name }}", "{{ output.path }}"]
          output: "words/{{ input.name }}"
        script:
          inputs: clips/*
          command: printf %s {{ input.name }} > {{ output.path }}
          output: "script/{{ input.name }}"
        """.replace("\n        ", "\n")
    )
    names = [name for name in NAMES if "/" not in name]
    for number, name in enumerate(names):
        (bare.clips / name).write_bytes(b"%d" % number)
    bare.apply()
    for number, name in enumerate(names):
        assert (bare.outputs / "list" / name).read_bytes() == b"%d" % number
        assert (bare.outputs / "words" / name).read_bytes() == name.encode()
        assert (bare.outputs / "script" / name).read_bytes() == name.encode()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two\nlines.mp4", "has a control character"),
        ("bell\a.mp4", "has a control character"),
        ("esc\x1b[2J.mp4", "has a control character"),
        ("del\x7f.mp4", "has a control character"),
        ("back\\slash.mp4", "has a backslash"),
    ],
)
def test_4_4_s12_a_name_that_cannot_be_carried_is_refused_before_anything_is_sent(
    workload: Workload, wire: Wire, name: str, said: str
) -> None:
    """A control character or a backslash in a name ends with 65, says the file, and nothing was sent."""
    make_clip(workload.clips / name)
    for command in ("validate", "apply"):
        ended = workload.command(command, "specs/ffmpeg.yaml", code=65, env=wire.environment)
        assert said in ended.err
        assert "specs/ffmpeg.yaml:31" in ended.err
        assert not any(unicodedata.category(c) == "Cc" for c in ended.said if c != "\n")
    assert wire.changing == []
    assert workload.inputs() == set()


def test_4_4_a_name_that_is_not_utf8_is_refused_before_anything_is_sent(workload: Workload) -> None:
    """Bytes that are no UTF-8 in a name end with 65 and a sentence, not with a traceback."""
    make_clip(Path(str(workload.clips / "latin") + "\udce9.mp4"))
    ended = workload.apply(code=65)
    assert "is not valid UTF-8" in ended.err
    assert "Traceback" not in ended.err
    assert workload.inputs() == set()


def test_r28_two_clips_that_want_one_output_are_refused_with_both_names(workload: Workload) -> None:
    """`a.mp4` and `a.mov` both giving `a.mp3` is an error that names both, before anything is sent."""
    make_clip(workload.clips / "a.mp4")
    make_clip(workload.clips / "a.mov")
    workload.edit("clips/**/*.mp4", "clips/**/*.m*")
    ended = workload.apply(code=65)
    assert "'audio/a.mov' and 'audio/a.mp4' would both write" in ended.err
    assert "{{ input.name }}" in ended.err
    assert workload.inputs() == set()


def test_s11_a_link_that_leads_out_of_the_project_is_not_read(workload: Workload) -> None:
    """A symbolic link to a file elsewhere is refused, exit code 65."""
    secret = workload.folder.parent / "secret.mp4"
    secret.write_bytes(b"not for upload")
    (workload.clips / "link.mp4").symlink_to(secret)
    ended = workload.apply(code=65)
    assert "is outside the project" in ended.err
    assert workload.inputs() == set()


@pytest.mark.parametrize(
    "names", [(unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")), ("Clip", "clip")]
)
def test_r28_outputs_that_differ_by_case_or_form_are_refused(
    workload: Workload, names: tuple[str, str]
) -> None:
    """Many file systems would make one file of them when they are downloaded; nothing is sent."""
    for name in names:
        make_clip(workload.clips / f"{name}.mp4")
    if len({clip.name for clip in workload.clips.iterdir()} & {f"{name}.mp4" for name in names}) < 2:
        pytest.skip("this file system has one name for both")
    ended = workload.apply(code=65)
    assert all(f"'audio/{name}.mp4'" in ended.err for name in names)
    assert "differ only in case or Unicode normalization" in ended.err
    assert workload.inputs() == set()
