"""The workloads of `specs/`: what runs again after a change, and what is said when something is missing."""

from __future__ import annotations

import shutil

import pytest

from batchspec.errors import SpecError, TasksFailedError
from workloads.conftest import Project


def example(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("project", [name], indirect=True)


@example("sweep")
def test_a_sweep_knows_its_rows_by_their_values(project: Project) -> None:
    """A line added runs one task and the summary; a column that nothing reads, and a second run, run nothing."""
    project.apply()
    assert (project.outputs / "summary.csv").read_text() == "0.10;0.30;1\n0.10;0.40;1\n1e-3;0.30;007\n"
    assert project.is_quiet()
    sheet = project.folder / "sweep/scenarios.csv"
    lines = sheet.read_text().splitlines()
    sheet.write_text("\ufeff" + "\r\n".join([*lines, "0.2;0.5;9;x".replace(";", ","), ""]))
    assert project.plan() == {"run[beta=0.2,gamma=0.5,seed=9]": "not_run", "summary": "follows"}
    sheet.write_text("\n".join(line.replace("base", "other") for line in lines))
    assert project.is_quiet()


@example("sweep")
def test_rows_in_another_order_run_the_summary_alone(project: Project) -> None:
    """Each run is the same work; what the summary reads comes in another order."""
    project.apply()
    sheet = project.folder / "sweep/scenarios.csv"
    head, *lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([head, *reversed(lines)]))
    assert list(project.plan()) == ["summary"]


@example("sweep")
def test_a_row_taken_out_makes_the_summary_again_without_it(project: Project) -> None:
    """One row is left of three: its run is up to date, and the summary has one line."""
    project.apply()
    sheet = project.folder / "sweep/scenarios.csv"
    sheet.write_text("\n".join(sheet.read_text().splitlines()[:2]))
    assert list(project.plan()) == ["summary"]
    project.apply()
    assert (project.outputs / "summary.csv").read_text() == "0.10;0.30;1\n"
    assert project.is_quiet()


@example("sweep")
def test_two_lines_alike_are_one_finding_with_both_numbers(project: Project) -> None:
    """What identifies a line is what the templates read."""
    sheet = project.folder / "sweep/scenarios.csv"
    sheet.write_text(sheet.read_text() + "0.10,0.30,1,again\n")
    done = project.run("validate")
    assert isinstance(done.exception, SpecError) or done.exit_code == 65 or done.return_value == 65
    assert "lines 2 and 5 are the same" in done.output


@example("stages")
def test_a_stage_follows_the_one_that_it_reads(project: Project) -> None:
    """Another target runs the second stage alone; a changed clip both of its tasks, and nobody else's."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[2:]:
        clip.unlink()
    project.apply()
    assert project.is_quiet()
    assert project.plan("--set", "target=-3") == {
        "normalize/LowPriVMs-1.mp4": "command_changed",
        "normalize/LowPriVMs-2.mp4": "command_changed",
    }
    shutil.copy(project.folder / "clips/LowPriVMs-2.mp4", project.folder / "clips/LowPriVMs-1.mp4")
    changed = project.plan()
    assert [name for name in changed if "LowPriVMs-1" in name] == list(changed)
    assert changed["normalize/LowPriVMs-1.mp4"] == "follows"


@example("stages")
def test_a_failure_blocks_its_readers_and_only_those(project: Project) -> None:
    """One measurement fails: its reader is not run, the other clip's is; the next apply runs exactly those two."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[2:]:
        clip.unlink()
    output = '\n    output: "{{ input.stem }}.peak.txt"'
    project.edit(
        f"{{{{ output.path }}}}{output}",
        f"{{{{ output.path }}}}; test {{{{ input.stem }}}} != LowPriVMs-2{output}",
    )
    done = project.run("apply", "--auto-approve")
    assert isinstance(done.exception, TasksFailedError)
    assert "1 failed, 1 not run, 2 succeeded" in done.output
    assert "1 not run: measure/LowPriVMs-2.mp4 failed" in done.output
    assert (project.outputs / "LowPriVMs-1.flac").exists()
    assert not (project.outputs / "LowPriVMs-2.flac").exists()
    assert sorted(project.plan().values()) == ["failed_last_time", "follows"]


@example("stages")
def test_a_reader_added_to_a_spec_that_has_run_runs_alone(project: Project) -> None:
    """What the first stage made is copied to where readers look for it; nothing that is done runs again."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[1:]:
        clip.unlink()
    text = project.spec.read_text()
    start, end = text.index("  normalize:"), text.index("download:")
    project.spec.write_text(text[:start] + text[end:])
    project.apply()
    project.spec.write_text(text)
    saved = project.folder / "plan.json"
    assert project.plan("-o", str(saved)) == {"normalize/LowPriVMs-1.mp4": "output_missing"}
    assert project.run("apply", "--auto-approve", of=saved).exception is None
    assert (project.outputs / "LowPriVMs-1.flac").stat().st_size
    assert project.is_quiet()


@example("ladder")
def test_a_folder_is_one_output(project: Project) -> None:
    """A height added encodes that folder and the master; a folder's file missing here is brought back."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[1:]:
        clip.unlink()
    project.apply()
    film = project.outputs / "LowPriVMs-1"
    assert (film / "master.m3u8").read_text().count("index.m3u8") == 2
    playlist = (film / "180/index.m3u8").read_text()
    assert all((film / "180" / line).exists() for line in playlist.splitlines() if line.endswith(".ts"))
    (film / "180/seg_000.ts").unlink()
    assert project.plan() == {}
    project.apply()
    assert (film / "180/seg_000.ts").exists()
    project.edit("height: [180, 90]", "height: [180, 90, 60]")
    assert sorted(project.plan()) == ["master[title=LowPriVMs-1]", "rung[title=LowPriVMs-1,height=60]"]


@example("ladder")
def test_a_folder_that_is_gone_from_storage_is_made_again(project: Project) -> None:
    """Deleted in one of its places it is copied; deleted in both, its task runs, and nothing else."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[1:]:
        clip.unlink()
    project.apply()
    (made,) = [name for name in project.blobs(".batchspec/made/") if name.endswith("/90.tar")]
    project.delete_blob(made)
    assert project.plan() == {}
    assert not project.is_quiet()
    project.apply()
    assert made in project.blobs(".batchspec/made/")
    project.delete_blob(made)
    project.delete_blob("LowPriVMs-1/90.tar")
    assert list(project.plan()) == ["rung[title=LowPriVMs-1,height=90]"]


@example("paired-reads")
def test_a_shared_file_is_part_of_the_work_of_those_that_read_it(project: Project) -> None:
    """The genome is uploaded once; changed, both samples run again. Runs keep their folders."""
    project.apply()
    assert (project.outputs / "run1/liver.bam").exists()
    assert (project.outputs / "run2/gut.bam.bai").exists()
    assert project.is_quiet()
    (project.folder / "reference/genome.fa.fai").write_text("changed\n")
    names = ("align/run1/liver_R1.fastq.gz", "align/run2/gut_R1.fastq.gz")
    assert project.plan() == dict.fromkeys(names, "file_changed")
    assert "file changed: genome  " in project.run("plan").stdout


@example("paired-reads")
def test_a_pair_without_its_mate_is_an_error_that_names_both(project: Project) -> None:
    """Before anything is sent: the sample, and the file that is not there."""
    (project.folder / "reads/run2/gut_R2.fastq.gz").unlink()
    done = project.run("validate")
    assert "reads/{run}/{sample}_R2.fastq.gz with run=run2, sample=gut: there is no such file" in done.output


@example("frames")
def test_chunks_are_known_by_their_first_frame(project: Project) -> None:
    """More frames change the last chunk alone. The frames go when the film is made, and are missed by nobody."""
    project.edit("    temporary: true\n", "")
    project.apply()
    assert (project.outputs / "film.txt").read_text().strip() == "40"
    assert (project.outputs / "frames/0017/frame_0020.png").exists()
    assert list(project.plan("--set", "last=0024")) == ["render[frame=0017]", "film"]
    (project.folder / "scene/textures/wood.txt").write_text("oak\n")
    assert len(project.plan()) == 4


@example("frames")
def test_temporary_outputs_go_when_they_are_read(project: Project) -> None:
    """After the film no frame is left in storage or here, the plan is empty, and a new film makes them again."""
    project.apply()
    assert project.blobs(".batchspec/made/") == []
    assert sorted(path.name for path in project.outputs.rglob("*")) == ["film.txt"]
    assert project.is_quiet()
    project.edit("| wc -l >", "| wc -c >")
    assert set(project.plan().values()) == {"needed", "command_changed"}


@example("frames")
def test_one_frame_is_right_where_twenty_are(project: Project) -> None:
    """Everything follows from the text: one row makes one chunk, and a list of one."""
    project.apply("--set", "last=0001")
    assert (project.outputs / "film.txt").read_text().strip() == "2"


@example("stages")
def test_a_graph_shows_who_reads_whom(project: Project) -> None:
    """A node for each group, an arrow for what it reads, with the axis by which tasks meet."""
    assert project.run("graph").stdout == (
        "flowchart LR\n"
        '    measure["measure"]\n'
        '    normalize["normalize"]\n'
        "    measure -->|source| normalize\n"
    )
