"""Each try of a task begins with nothing, a script fails with any of its parts, and images run their own program."""

from __future__ import annotations

import re

from main_job.workload import Workload


def write_clip(bare: Workload, content: str = "the whole film") -> None:
    bare.clips.mkdir(parents=True, exist_ok=True)
    (bare.clips / "a.txt").write_text(content)


def test_a_retry_does_not_see_what_the_first_try_left(bare: Workload) -> None:
    """An encoder that is killed half-way and then refuses to overwrite, with exit code 0, as ffmpeg without -y does."""
    bare.write(
        """\
encode:
  inputs: clips/*
  command: |
    if test -e {{ output.path }}; then echo "already exists. Exiting."; exit 0; fi
    head -c 3 {{ input.path }} > {{ output.path }}
    test -e ../tried || { touch ../tried; exit 9; }
    cp {{ input.path }} {{ output.path }}
  constraints: {maxTaskRetryCount: 2}
  output: "{{ input.stem }}.mkv"
"""
    )
    write_clip(bare)
    bare.apply()
    assert (bare.outputs / "a.mkv").read_text() == "the whole film"
    (task,) = bare.tasks().values()
    assert task["executionInfo"]["retryCount"] == 1


def test_a_script_fails_with_any_part_of_it(bare: Workload) -> None:
    """A program that is missing in a pipe, and a step that fails before the last one: no output is kept."""
    bare.write(
        """\
dump:
  inputs: clips/*
  command: no-such-program {{ input.path }} | gzip > {{ output.path }}
  output: "{{ input.stem }}.gz"
steps:
  inputs: clips/*
  command: |
    cp {{ input.path }} no/such/folder/x
    echo finished > {{ output.path }}
  output: "{{ input.stem }}.done"
careless:
  inputs: clips/*
  command: |
    set +e
    cp {{ input.path }} no/such/folder/x
    echo finished > {{ output.path }}
  output: "{{ input.stem }}.careless"
"""
    )
    write_clip(bare)
    ended = bare.apply(code=3)
    assert "2 failed, 1 succeeded" in ended.out
    assert "exit code 127" in ended.out
    assert "help: exit code 127 means that a program is not on the node" in ended.out
    assert bare.results() == bare.downloaded() == {"a.careless"}


def test_a_raw_line_finds_the_folder_of_its_output(bare: Workload) -> None:
    """It goes out as written, and `plan` shows it so."""
    bare.write(
        """\
transcode:
  inputs: clips/*
  commandLine: cp {{ input.path }} {{ output.path }}
  output: "{{ input.stem }}.out"
"""
    )
    write_clip(bare)
    assert "        cp in/a.txt out/a.out\n" in bare.command("plan", "specs/ffmpeg.yaml").out
    bare.apply()
    assert (bare.outputs / "a.out").read_text() == "the whole film"
    (task,) = bare.tasks().values()
    assert task["commandLine"] == "cp in/a.txt out/a.out"
    assert [file["filePath"] for file in task["resourceFiles"]] == ["in/a.txt", "out/.keep"]
    assert bare.actions() == []
    bare.destroy()
    assert bare.inputs() == set()


def test_in_a_container_plain_words_go_out_as_written(bare: Workload) -> None:
    """Without a shell, so that images without one work, and those with an entrypoint of their own.

    The local account has no containers; what it was sent is looked at.
    """
    bare.write(
        """\
transcode:
  inputs: clips/*
  containerSettings: {imageName: "example.org/ffmpeg:alpine", containerRunOptions: --rm}
  command: [ffmpeg, -i, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.stem }}.mkv"
bare-image:
  inputs: clips/*
  containerSettings: {imageName: "example.org/ffmpeg:entrypoint"}
  command: [-i, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.stem }}.avi"
odd:
  inputs: clips/*
  containerSettings: {imageName: "example.org/ffmpeg:alpine"}
  command: [ffmpeg, -i, "{{ input.path }}", -metadata, title=a title, "{{ output.path }}"]
  output: "{{ input.stem }}.ogg"
""",
        pool="""\
virtualMachineConfiguration:
  containerConfiguration: {type: dockerCompatible, containerImageNames: ["example.org/ffmpeg:alpine"]}
""",
    )
    bare.edit("canonical:ubuntu-24_04-lts:server", "microsoft-dsvm:ubuntu-hpc:2404")
    write_clip(bare)
    said = bare.command("plan", "specs/ffmpeg.yaml").out
    assert re.findall(r"^ {8}(\S.*)", said, re.MULTILINE) == [
        "ffmpeg -i in/a.txt out/a.mkv",
        "-i in/a.txt out/a.avi",
        "ffmpeg -i in/a.txt -metadata 'title=a title' out/a.ogg",
    ]
    bare.apply(code=None)
    lines = {line[:40] for line in (task["commandLine"] for task in bare.tasks().values())}
    assert lines == {
        "ffmpeg -i in/a.txt out/a.mkv",
        "-i in/a.txt out/a.avi",
        "/bin/sh -c 'if [ -e out ] || [ -L out ];",
    }
