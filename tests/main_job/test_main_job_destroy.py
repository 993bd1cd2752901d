"""Destroy deletes what the spec's stamp is on, says so beforehand, and leaves everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from main_job.workload import Workload

SPEC = "specs/ffmpeg.yaml"


@contextmanager
def _foreign(workload: Workload, *blobs: tuple[str, str]) -> Iterator[None]:
    """Blobs of somebody else in the spec's folders, and blobs that stand for those folders; gone in the end."""
    with workload.blob_service() as service:
        clients = [service.get_blob_client(*place) for place in blobs]
        folder = service.get_blob_client("output", f"{workload.name}/folder")
        for client in clients:
            client.upload_blob(b"not ours")
        folder.upload_blob(b"", metadata={"hdi_isfolder": "true"})
        yield
        assert [client.download_blob().readall() for client in clients] == [b"not ours"] * len(clients)
        for client in (*clients, folder):
            client.delete_blob()


def test_foreign_blobs_in_the_folders_of_a_spec_are_counted_and_kept(bare: Workload) -> None:
    """Even with --outputs; what stands for a folder is not counted at all."""
    bare.write_copies()
    bare.apply()
    with _foreign(bare, ("output", f"{bare.name}/mine.txt"), ("input", f"{bare.name}/mine.txt")):
        assert bare.actions() == []
        shown = bare.destroy("--outputs").out
        assert "  - 2 outputs in container output, 2 B\n" in shown
        assert "  = 1 other blob in container input, 8 B, kept\n" in shown
        assert "  = 1 other blob in container output, 8 B, kept\n" in shown
    assert bare.blobs("output") == {}


def test_orphans_are_what_no_task_makes_or_reads(bare: Workload) -> None:
    """The output and the upload of an input that is gone; those of present tasks, logs and foreign blobs stay."""
    bare.write_copies()
    bare.apply()
    (bare.clips / "a").unlink()
    assert "1 output" in bare.command("plan", SPEC).out
    with _foreign(bare, ("output", f"{bare.name}/mine.txt")):
        shown = bare.destroy("--orphans").out
        assert shown.splitlines()[:2] == [
            "  - 1 uploaded input in container input, 1 B",
            "  - 1 output in container output, 1 B",
        ]
        assert bare.destroy("--orphans").out.splitlines()[0] == f"nothing to delete of {bare.name}"
    assert set(bare.results()) == {"b.out"}
    assert bare.actions() == []


def test_several_outputs_of_a_task_are_no_orphans(bare: Workload) -> None:
    """Outputs with names, folders, and what other tasks read, are made by the tasks of the spec."""
    bare.write(
        """\
make:
  inputs: clips/*
  command: cp {{ input.path }} {{ outputs.all.path }}/x && cp {{ input.path }} {{ outputs.one.path }}
  outputs: {one: "{{ input.name }}.one", all: "{{ input.name }}/"}
read:
  inputs: {from: make, output: one}
  command: [cp, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.name }}.read"
"""
    )
    (bare.clips / "a").write_text("a")
    bare.apply()
    assert bare.destroy("--orphans").out.splitlines()[0] == f"nothing to delete of {bare.name}"
    assert bare.actions() == []


def test_a_summary_names_only_what_exists(bare: Workload) -> None:
    """After a destroy there is no job, and an apply that only downloads makes none."""
    bare.write_copies()
    bare.apply()
    bare.destroy()
    (bare.outputs / "a.out").unlink()
    (summary,) = bare.apply("--format", "json").of_type("summary")
    assert summary["stillThere"] == []
    assert bare.downloaded() == {"a.out", "b.out"}
