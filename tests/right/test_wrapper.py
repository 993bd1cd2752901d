"""The wrapper around a command, run by each `sh` that this machine has."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from batchspec.desired.bodies.body import PLAIN
from batchspec.desired.bodies.wrapper import (
    ANY,
    NodeOutput,
    NodePack,
    wrapped_script,
    wrapped_words,
)
from batchspec.resources.task import COMMAND_VARIABLE

SHELLS = {
    "sh": ["/bin/sh"],
    "bash": ["bash", "--posix"],
    "dash": ["dash"],
    "busybox": ["busybox", "sh"],
}
A = NodeOutput("out/a")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} on this machine")
    return words


def words_of(line: str, shell: Sequence[str]) -> list[str]:
    """The words that a node makes of *line*, with another shell at its head."""
    first, *rest = shlex.split(line)
    assert first == "/bin/sh"
    return [*shell, *rest]


def run_line(line: str, command: str, folder: Path, shell: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code, and what was written to stderr; stdout lies in `stdout` then."""
    with (folder / "stdout").open("wb") as out:
        ended = subprocess.run(
            words_of(line, shell),
            cwd=folder,
            env={"PATH": os.environ["PATH"], COMMAND_VARIABLE: command},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )
    return ended.returncode, ended.stderr.splitlines()


def run_script(
    script: str, folder: Path, shell: Sequence[str], *outputs: NodeOutput
) -> tuple[int, list[str]]:
    return run_line(wrapped_script(outputs), script, folder, shell)


def test_the_line_is_safe_to_split() -> None:
    """However the node splits it: one quoted word without quotes or backslashes inside, and plain words."""
    frames = NodeOutput("out/frames", is_folder=True, is_listed=True)
    outputs = [A, frames, NodeOutput("out/log.txt", is_optional=True)]
    for line in (
        wrapped_words(outputs, [NodePack("in/scene")]),
        wrapped_script(outputs, [NodePack("in/scene")]),
    ):
        before, script, after = line.split("'")
        assert (before, "\\" in script, "\n" in script) == ("/bin/sh -c ", False, False)
        assert after == " batchspec out/a out/frames/ - out/log.txt in/scene/"
        assert all(PLAIN.issuperset(word) for word in after.split())


@pytest.mark.parametrize(
    "words",
    [
        ["a b", "$HOME", "it's", 'say "x"', "\\n", "*", "~", "", "-n", "#no", ";", "é"],
        ["line\nend", "tab\tend", "`id`", "$(id)", "!x", "{a,b}"],
    ],
)
def test_words_reach_the_program_as_they_are(words: list[str], tmp_path: Path, shell: list[str]) -> None:
    line, command = wrapped_words([]), shlex.join(["printf", "[%s]", *words])
    assert run_line(line, command, tmp_path, shell) == (0, [])
    assert (tmp_path / "stdout").read_text() == "".join(f"[{word}]" for word in words)


def test_every_try_begins_with_an_empty_folder(tmp_path: Path, shell: list[str]) -> None:
    """Whatever an earlier try left: files, folders without rights, hidden ones, or a link in its place."""
    left = tmp_path / "out" / "closed"
    left.mkdir(parents=True)
    (left / "x").touch()
    (tmp_path / "out" / ".hidden").touch()
    left.chmod(0o500)
    script = 'test -z "$(ls -A out)" && echo done > out/a'
    assert run_script(script, tmp_path, shell, A) == (0, [])
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / "out").symlink_to("elsewhere")
    assert run_script(script, tmp_path, shell, A) == (0, [])
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["kept"]
    (tmp_path / "out" / "a").unlink()
    (tmp_path / "out").rmdir()
    (tmp_path / "out").symlink_to("nowhere")
    assert run_script(script, tmp_path, shell, A) == (0, [])


def test_the_folders_of_outputs_are_there(tmp_path: Path, shell: list[str]) -> None:
    """Declared folders and the parents of all outputs, the optional ones too."""
    outputs = (
        NodeOutput("out/deep/er/a"),
        NodeOutput("out/frames", is_folder=True),
        NodeOutput("out/logs/x", is_optional=True),
    )
    script = "test -d out/frames && test -d out/logs && touch out/deep/er/a"
    assert run_script(script, tmp_path, shell, *outputs) == (0, [])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 7", 7),
        ("false; touch out/a", 1),
        ("false | true; touch out/a", 1),
        ("set +e; false; touch out/a", 0),
        ("kill -9 $$", 137),
        ("no-such-program x > out/a", 127),
    ],
)
def test_the_exit_code_is_the_commands(script: str, code: int, tmp_path: Path, shell: list[str]) -> None:
    """A script fails with the first of its parts that does, and a signal counts as a shell counts it."""
    assert run_script(script, tmp_path, shell, A)[0] == code


def test_a_program_that_is_not_there_is_named(tmp_path: Path, shell: list[str]) -> None:
    code, said = run_line(wrapped_words([A]), "no-such-program 'a b'", tmp_path, shell)
    assert code == 127
    assert "no-such-program" in said[0]
    assert "not found" in said[0]


def test_each_missing_output_is_named(tmp_path: Path, shell: list[str]) -> None:
    """A folder is no file, and a file no folder; only what is optional may be missing."""
    outputs = (
        A,
        NodeOutput("out/b"),
        NodeOutput("out/frames", is_folder=True),
        NodeOutput("out/c"),
        NodeOutput("out/log", is_optional=True),
    )
    code, said = run_script(
        "rmdir out/frames; touch out/frames out/c; mkdir out/b", tmp_path, shell, *outputs
    )
    assert code == 66
    assert said == [f"batchspec: {path} is missing" for path in ("out/a", "out/b", "out/frames/")]


def test_a_failed_command_is_not_asked_for_its_outputs(tmp_path: Path, shell: list[str]) -> None:
    assert run_script("touch out/stray; exit 3", tmp_path, shell, A) == (3, [])


def test_files_that_no_output_takes_are_listed(tmp_path: Path, shell: list[str]) -> None:
    outputs = (A, NodeOutput("out/frames", is_folder=True), NodeOutput("out/log", is_optional=True))
    script = "cd out; mkdir -p frames/1 x/y; touch a log frames/1/f x/y/deep .hidden 'two words' '$HOME'"
    code, said = run_script(script, tmp_path, shell, *outputs)
    strays = ["out/$HOME", "out/two words", "out/x/y/deep", "out/.hidden"]
    assert (code, said) == (0, [f"batchspec: {name} belongs to no output" for name in strays])


def test_of_many_such_files_the_first_are_listed(tmp_path: Path, shell: list[str]) -> None:
    code, said = run_script("touch out/a out/{100..150}", tmp_path, shell, A)
    assert (code, len(said)) == (0, 21)
    assert said[19:] == ["batchspec: out/119 belongs to no output", "batchspec: and 31 more files in out/"]


def test_what_raw_output_files_may_take_is_no_stray(tmp_path: Path, shell: list[str]) -> None:
    assert run_script("mkdir out/x; touch out/a out/x/b", tmp_path, shell, A, ANY) == (0, [])


def test_folders_come_and_go_as_packs(tmp_path: Path, shell: list[str]) -> None:
    """The command sees folders; what it leaves in one is packed beside it, and the pack is no stray."""
    frames = NodeOutput("out/frames", is_folder=True)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "1.png").write_text("1")
    (tmp_path / "in").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "made", "-cf", tmp_path / "in" / "scene.tar", "."], check=True)
    script = 'for f in in/scene/*; do cp "$f" out/frames/; done; mkdir out/frames/empty; touch out/a'
    for _ in range(2):
        code = run_line(wrapped_script([A, frames], [NodePack("in/scene")]), script, tmp_path, shell)
        assert code == (0, [])
        (tmp_path / "back").mkdir()
        subprocess.run(["tar", "-C", tmp_path / "back", "-xf", tmp_path / "out" / "frames.tar"], check=True)
        assert {path.name for path in (tmp_path / "back").iterdir()} == {"1.png", "empty"}
        shutil.rmtree(tmp_path / "back")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "frames", "frames.tar"]


def test_a_folder_that_cannot_be_packed_is_missing(tmp_path: Path, shell: list[str]) -> None:
    """The task ends as with any output that is missing; where another one is, or it failed, nothing is packed."""
    frames = NodeOutput("out/frames", is_folder=True)
    link = "ln -s /etc out/frames/etc"
    said = ["batchspec: out/frames/etc is a link that leads out of out/frames/"]
    assert run_script(f"touch out/a; {link}", tmp_path, shell, A, frames) == (66, said)
    assert run_script(link, tmp_path, shell, A, frames) == (66, ["batchspec: out/a is missing"])
    assert run_script(f"{link}; exit 7", tmp_path, shell, A, frames) == (7, [])


def test_a_signal_reaches_the_command_and_its_end_is_awaited(tmp_path: Path, shell: list[str]) -> None:
    """As `docker stop` does with the first process of a container: the command may clean up, and its code counts."""
    script = "trap 'echo cleaned > cleaned; exit 9' TERM; touch ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        words_of(wrapped_script([A]), shell),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], COMMAND_VARIABLE: script},
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 30
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 9
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert (tmp_path / "cleaned").exists()
