"""Files that a person has beside downloads, or made of them, are nobody else's to overwrite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import batchspec
from main_job.wire import Heard, Moment, Said, wired
from main_job.workload import Workload

SPEC = "specs/ffmpeg.yaml"
QUIET = "No changes: 2 tasks up to date."


@pytest.fixture
def copied(bare: Workload, tmp_path: Path) -> Workload:
    """Two files that were copied and downloaded, with a cache of the test's own."""
    bare.environment = {**bare.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    bare.write_copies()
    bare.apply()
    return bare


def _change(workload: Workload, name: str) -> None:
    """The input *name* has other content, so its output will have too."""
    (workload.clips / name).write_text(f"{name}, changed")


def _outputs(workload: Workload) -> dict[str, str]:
    return {name: (workload.outputs / name).read_text() for name in sorted(workload.downloaded())}


def test_an_edited_download_is_kept_until_it_is_to_be_overwritten(copied: Workload) -> None:
    """The plan shows it and is empty; with --overwrite it says what it replaces, and does."""
    (copied.outputs / "a.out").write_text("edited")
    plan = copied.command("plan", SPEC).out
    assert QUIET in plan
    assert "  = 1 local file kept, where outputs would be downloaded to (--overwrite replaces them)" in plan
    assert "      = ../outputs/a.out  edited since it was downloaded" in plan
    ended = copied.command("download", SPEC)
    assert (ended.out, "outputs/a.out was kept: edited since it was downloaded" in ended.err) == ("", True)
    assert _outputs(copied) == {"a.out": "edited", "b.out": "b"}
    assert "the local file differs" in copied.command("plan", SPEC, "--overwrite").out
    copied.apply("--overwrite")
    assert _outputs(copied) == {"a.out": "a", "b.out": "b"}
    assert "kept" not in copied.command("plan", SPEC).out


def test_what_was_downloaded_is_replaced_without_asking(copied: Workload) -> None:
    """A changed input has its new output here, as ever."""
    _change(copied, "a")
    copied.apply()
    assert _outputs(copied) == {"a.out": "a, changed", "b.out": "b"}


def test_an_edited_download_of_a_task_that_runs_again(copied: Workload) -> None:
    """The plan says beforehand that its new output will not come here, and the summary says that it did not."""
    (copied.outputs / "a.out").write_text("edited")
    _change(copied, "a")
    plan = json.loads(copied.command("plan", SPEC, "--format", "json").out)
    assert plan["kept"] == [
        {"id": f"{copied.name}/a.out", "file": "../outputs/a.out", "reason": "local_edited"}
    ]
    assert "  kept        1 local file not downloaded by batchspec" in copied.apply().out
    assert _outputs(copied) == {"a.out": "edited", "b.out": "b"}


def test_a_file_that_is_there_first(bare: Workload) -> None:
    """A file of a person under the name of an output is kept, and the other outputs come."""
    bare.write_copies()
    bare.outputs.mkdir()
    (bare.outputs / "a.out").write_text("mine")
    assert "not downloaded by batchspec" in bare.command("plan", SPEC).out
    bare.apply()
    assert _outputs(bare) == {"a.out": "mine", "b.out": "b"}
    assert QUIET in bare.command("plan", SPEC).out


def test_without_the_cache_a_file_that_equals_its_output_counts_as_downloaded(
    copied: Workload, tmp_path: Path
) -> None:
    """Another machine, or a cache that was deleted: what a plan has seen as equal may be replaced."""
    shutil.rmtree(tmp_path / "cache")
    assert QUIET in copied.command("plan", SPEC).out
    _change(copied, "a")
    copied.apply()
    assert _outputs(copied) == {"a.out": "a, changed", "b.out": "b"}


def test_a_saved_plan_overwrites_what_it_says(copied: Workload) -> None:
    """What was reviewed with --overwrite is done with it, and without it the id is another."""
    (copied.outputs / "a.out").write_text("edited")
    copied.command("plan", SPEC, "--overwrite", "-o", "work.plan")
    copied.command("apply", "work.plan")
    assert _outputs(copied) == {"a.out": "a", "b.out": "b"}


def test_two_specs_that_download_to_one_file(copied: Workload) -> None:
    """The second one keeps what the first one has downloaded, and both say so when theirs differ."""
    other = Workload(copied.folder, copied.account, name=f"{copied.name}2", environment=copied.environment)
    text = copied.spec.read_text("utf-8").replace(copied.name, other.name).replace("clips/*", "others/*")
    file = copied.spec.with_name("other.yaml")
    file.write_text(text, "utf-8")
    for name in ("a", "c"):
        (copied.spec.parent / "others").mkdir(exist_ok=True)
        (copied.spec.parent / "others" / name).write_text(f"other {name}")
    try:
        plan = copied.command("plan", "specs/other.yaml").out
        assert "= ../outputs/a.out  downloaded by another spec" in plan
        copied.command("apply", "specs/other.yaml", "--auto-approve")
        assert _outputs(copied) == {"a.out": "a", "b.out": "b", "c.out": "other c"}
    finally:
        copied.command("destroy", "specs/other.yaml", "--auto-approve", "--outputs")


def test_a_link_in_the_download_folder_is_not_followed(copied: Workload, tmp_path: Path) -> None:
    """A link that stands where an output goes stays, and so does what it leads to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("a")
    (copied.outputs / "a.out").unlink()
    (copied.outputs / "a.out").symlink_to(elsewhere)
    _change(copied, "a")
    assert "= ../outputs/a.out  not downloaded by batchspec" in copied.command("plan", SPEC).out
    copied.apply()
    assert (elsewhere.read_text(), (copied.outputs / "a.out").is_symlink()) == ("a", True)
    copied.command("download", SPEC, "--overwrite")
    assert (elsewhere.read_text(), _outputs(copied)["a.out"]) == ("a", "a, changed")


def test_downloads_of_outputs_that_left_the_spec_can_be_pruned(copied: Workload) -> None:
    """The plan names the command, which deletes what is as it was downloaded; an edited file and others' stay."""
    assert "left the spec" not in copied.command("plan", SPEC).out
    assert copied.command("download", SPEC, "--prune").out == ""
    for name in ("a", "b"):
        (copied.clips / name).rename(copied.clips / f"new-{name}")
    (copied.outputs / "b.out").write_text("edited")
    (copied.outputs / "mine.txt").write_text("mine")
    plan = copied.command("plan", SPEC).out
    stale = "1 downloaded file of outputs that are no longer in the spec"
    assert f"  = {stale} (`batchspec download SPEC --prune` deletes them)" in plan
    assert "      = ../outputs/a.out  no longer in the spec" in plan
    copied.command("download", SPEC)
    assert "a.out" in copied.downloaded()
    assert copied.command("download", SPEC, "--prune").out == "deleted outputs/a.out\n"
    assert copied.downloaded() == {"b.out", "mine.txt"}
    assert copied.command("download", SPEC, "--prune").out == ""


def test_outputs_are_fetched_without_the_inputs(copied: Workload) -> None:
    """On a machine that has only the spec; what a person has there is kept, and `status` needs no inputs either."""
    shutil.rmtree(copied.clips)
    shutil.rmtree(copied.outputs)
    copied.command("status", SPEC)
    ended = copied.command("download", SPEC)
    assert "some inputs are not on this machine: downloading all stored outputs, current or not" in ended.err
    assert _outputs(copied) == {"a.out": "a", "b.out": "b"}
    (copied.outputs / "a.out").write_text("edited")
    (copied.outputs / "b.out").unlink()
    assert copied.command("download", SPEC).out == f"{copied.name}/b.out\n"
    assert _outputs(copied) == {"a.out": "edited", "b.out": "b"}
    copied.command("download", SPEC, "--overwrite")
    assert _outputs(copied) == {"a.out": "a", "b.out": "b"}


def test_outputs_come_side_by_side(bare: Workload) -> None:
    """Who stops in the middle, with a large file on its way, leaves no half of it; the next time brings the rest."""
    outputs = ", ".join(f"{name}: {name}.bin" for name in "abcdefghijkl")
    bare.write(
        f"""\
many:
  command: cd out && touch {{a..l}}.bin && head -c 40000000 /dev/zero > b.bin
  outputs: {{{outputs}}}
"""
    )
    bare.apply()
    shutil.rmtree(bare.outputs)
    whole = {f"{bare.name}/{name}.bin": 0 for name in "abcdefghijkl"} | {f"{bare.name}/b.bin": 40_000_000}
    with batchspec.Workload.load(bare.spec) as loaded:
        arriving = loaded.downloads().arriving()
        first = next(arriving)
        arriving.close()
    here = _sizes(bare)
    assert here.items() <= whole.items()
    assert here[first.blob] == whole[first.blob]
    ended = bare.command("download", SPEC)
    assert {*ended.out.splitlines()} == whole.keys() - here.keys()
    assert _sizes(bare) == whole


def _sizes(workload: Workload) -> dict[str, int]:
    return {f"{workload.name}/{file.name}": file.stat().st_size for file in workload.outputs.iterdir()}


def test_nodes_go_when_their_outputs_cannot_come_home(copied: Workload) -> None:
    """The tasks are done, so what `whenDone` says of the pool is done before the command ends with the error."""
    copied.edit("{{ input.name }}.out", "sub/{{ input.name }}.out")
    copied.edit("pool:\n", "pool:\n  whenDone: delete\n")
    (copied.outputs / "sub").touch()
    ended = copied.apply(code=1)
    assert "outputs/sub is not a folder" in ended.err
    assert f"pool {copied.pool_id} deleted" in ended.err


def test_nodes_go_when_storage_refuses_their_outputs(copied: Workload) -> None:
    """The same where it is the service that does not give them."""

    def refuse(_: Moment, heard: Heard) -> None:
        if heard.method == "GET" and heard.path.endswith("/new/a.out"):
            raise Said(403, {})

    copied.edit("{{ input.name }}.out", "new/{{ input.name }}.out")
    copied.edit("pool:\n", "pool:\n  whenDone: delete\n")
    with wired() as wire:
        wire.hook, wire.hooks_reads = refuse, True
        ended = copied.apply(code=77, env=wire.environment)
    assert f"could not download {copied.name}/new/a.out" in ended.err
    assert f"pool {copied.pool_id} deleted" in ended.err
