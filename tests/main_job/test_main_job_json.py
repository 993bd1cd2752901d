"""What programs read: with --format json stdout has one JSON object a line and nothing else (issue section 2)."""

from datetime import datetime

from batchspec import __version__
from main_job.wire import Heard, Moment, Wire
from main_job.workload import Workload

SPEC = "specs/ffmpeg.yaml"
JSON = ("--format", "json")


def heading(workload: Workload, name: str) -> dict[str, object]:
    """What every document about a spec begins with."""
    return {"type": name, "formatVersion": 1, "batchspecVersion": __version__, "spec": workload.name}


def test_json_every_line_of_every_command_is_an_object_with_a_type(workload: Workload) -> None:
    """With --format json stdout holds objects only, one a line, from the first plan to the summary."""
    validated = workload.command("validate", "specs/ffmpeg.yaml", "--format", "json")
    planned = workload.command("plan", "specs/ffmpeg.yaml", "--format", "json")
    applied = workload.apply("--format", "json")
    again = workload.apply("--format", "json")
    status = workload.command("status", "specs/ffmpeg.yaml", "--format", "json")
    for ended in (validated, planned, applied, again, status):
        assert ended.objects
        assert all("type" in found for found in ended.objects)
    assert applied.objects[0]["type"] == "plan"
    (summary,) = applied.of_type("summary")
    assert (summary["succeeded"], summary["failed"], summary["uploaded"], summary["downloaded"]) == (
        5,
        0,
        5,
        5,
    )
    assert sorted(found["name"] for found in applied.of_type("task")) == sorted(
        f"{found['group']}/{found['input']}" for found in applied.of_type("task")
    )
    for found in applied.of_type("task"):
        live = workload.tasks()[found["id"]]
        assert (found["group"], found["attempt"], found["exitCode"], found["failure"]) == ("audio", 1, 0, "")
        assert found["node"] == live["nodeInfo"]["nodeId"]
        for ours, theirs in (("started", "startTime"), ("ended", "endTime")):
            assert datetime.fromisoformat(found[ours]) == datetime.fromisoformat(
                live["executionInfo"][theirs]
            )
        assert found["started"] < found["ended"] < found["time"]
    assert len(applied.of_type("task")) == 5
    assert again.of_type("plan")[0]["hasChanges"] is False


def test_json_errors_are_objects_too(workload: Workload) -> None:
    """A bad spec with --format json is one object with its findings, and the same exit code."""
    workload.edit("vmSize:", "vmsize:")
    ended = workload.apply("--format", "json", code=65)
    (error,) = ended.objects
    assert error["type"] == "error"
    assert error["exitCode"] == 65
    assert 14 in [finding["line"] for finding in error["diagnostics"]]


def test_json_a_download_is_told_file_by_file(bare: Workload) -> None:
    """First what is to come and what has no output yet, then each file with its place here; once more: none."""
    bare.write_copies()
    bare.apply()
    (bare.outputs / "a.out").unlink()
    (bare.outputs / "b.out").write_text("changed")
    (bare.clips / "c").write_text("c")
    ended = bare.command("download", SPEC, "--overwrite", *JSON)
    head = {**heading(bare, "download"), "folder": "outputs", "waiting": 1}
    assert ended.objects[0] == {**head, "files": 2}
    assert sorted(ended.objects[1:], key=lambda found: str(found["blob"])) == [
        {
            "type": "downloaded",
            "blob": f"{bare.name}/{name}.out",
            "file": f"outputs/{name}.out",
            "bytes": 1,
            "kept": 0,
        }
        for name in ("a", "b")
    ]
    assert "2 files fetched to outputs" in ended.err
    assert bare.command("download", SPEC, *JSON).objects == [{**head, "files": 0}]


def test_a_file_that_goes_before_it_is_fetched_is_not_said_to_be_here(bare: Workload, wire: Wire) -> None:
    """An output that somebody deletes in the middle of a download is neither listed nor counted."""
    bare.write_copies()
    bare.apply()
    for file in bare.outputs.iterdir():
        file.unlink()
    blob = f"{bare.name}/a.out"

    def delete(now: Moment, heard: Heard) -> None:
        if now is Moment.BEFORE and heard.path.endswith(blob):
            with bare.blob_service() as service:
                service.get_blob_client("output", blob).delete_blob()

    wire.hook, wire.hooks_reads = delete, True
    ended = bare.command("download", SPEC, *JSON, env=wire.environment)
    assert [found["blob"] for found in ended.of_type("downloaded")] == [f"{bare.name}/b.out"]
    assert "1 file fetched to outputs" in ended.err
    assert bare.downloaded() == {"b.out"}


def test_json_a_destroy_says_what_is_to_go_and_then_what_is_gone(bare: Workload) -> None:
    """Without consent only the first, and the refusal; with it a line each; then there is nothing left to go."""
    bare.write_copies()
    bare.apply()
    logs = [name for name in bare.blobs("output") if name.startswith(".batchspec/logs/")]
    doomed, refused = bare.command("destroy", SPEC, *JSON, code=4).objects
    sizes = [some.pop("bytes") for some in doomed["blobs"]]
    assert sizes[0] == 2
    head = heading(bare, "destroy")
    kept = doomed["kept"]
    assert kept[0] == {"what": "output", "container": "output", "count": 2, "bytes": 2}
    assert kept[1:] == [{**kept[1], "what": "run", "count": 1}]
    assert doomed == {
        **head,
        "jobs": [bare.job_id],
        "pool": bare.pool_id,
        "pools": [bare.pool_id],
        "needed": {},
        "blobs": [
            {"what": "input", "container": "input", "count": 2},
            {"what": "log", "container": "output", "count": len(logs)},
        ],
        "kept": kept,
    }
    assert (refused["type"], refused["exitCode"]) == ("error", 4)
    assert bare.pool() is not None

    ended = bare.destroy(*JSON)
    assert ended.objects[0]["jobs"] == [bare.job_id]
    assert ended.objects[1:] == [
        {"type": "deleted", "kind": "job", "id": bare.job_id, "count": 1},
        {"type": "deleted", "kind": "pool", "id": bare.pool_id, "count": 1},
        {"type": "deleted", "kind": "blob", "id": "input", "count": 2, "what": "input"},
        {"type": "deleted", "kind": "blob", "id": "output", "count": len(logs), "what": "log"},
    ]
    nothing = {"jobs": [], "pool": None, "pools": [], "needed": {}, "blobs": []}
    assert bare.destroy(*JSON).objects == [{**head, **nothing, "kept": kept}]


def test_json_a_destroy_that_fails_has_told_what_is_gone(bare: Workload) -> None:
    """The job is gone, the pool is refused: both are said, the error last, with the exit code of text."""
    bare.write_copies()
    bare.apply()
    fault = {"operation": "delete_pool", "status": 400, "code": "InvalidPropertyValue", "times": 0}
    bare.batch("POST", "/_local/faults", fault)
    try:
        ended = bare.destroy(*JSON, code=1)
    finally:
        bare.batch("DELETE", "/_local/faults")
    assert [found["type"] for found in ended.objects] == ["destroy", "deleted", "error"]
    assert ended.objects[1]["id"] == bare.job_id
    assert ended.objects[2]["exitCode"] == 1


def test_json_logs_are_the_text_as_it_was_written(bare: Workload) -> None:
    """Each stream under its name, tabs and escapes as the task wrote them; only one, when only one is asked for."""
    bare.write('say: {command: \'printf "a\\tb\\n"; printf "\\033[1mbold" >&2\'}', rest="")
    bare.apply()
    (task_id,) = bare.tasks()
    words = ("logs", task_id, "--spec", SPEC, *JSON)
    (found,) = bare.command(*words).objects
    head = {name: value for name, value in found.items() if name not in ("stdout", "stderr")}
    assert found == {**head, "stdout": "a\tb\n", "stderr": "\x1b[1mbold"}
    assert head == {
        **heading(bare, "logs"),
        "task": task_id,
        "name": "say",
        "state": "completed",
        "failure": "",
        "exitCode": 0,
        "attempt": 1,
        "retries": 0,
        "node": bare.tasks()[task_id]["nodeInfo"]["nodeId"],
        "started": head["started"],
        "ended": head["ended"],
        "command": 'printf "a\\tb\\n"; printf "\\033[1mbold" >&2',
    }
    assert head["started"] < head["ended"]
    assert bare.command(*words, "--stream", "stdout").objects == [{**head, "stdout": "a\tb\n"}]
    (error,) = bare.command("logs", "nobody", "--spec", SPEC, *JSON, code=64).objects
    assert error["message"] == f"no task of {bare.name} is called nobody"
