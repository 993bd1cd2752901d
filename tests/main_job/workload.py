"""A workload of a test's own: a folder with a spec and clips, the commands run on it, and what the account has of it.

Commands run as people run them, as a process. What is there afterwards is read through
the official SDKs, so that nothing of batchspec vouches for itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest
from azure.storage.blob import BlobServiceClient
from jsonschema import Draft7Validator

from batchspec.service.embedded import LocalAccount
from tests.terminal import Terminal, on_a_terminal

PROJECT = Path(__file__).parents[2]
SAMPLE = PROJECT / "specs"
EVENTS = Draft7Validator(
    json.loads((PROJECT / "schemas" / "batchspec-events-v1.schema.json").read_text("utf-8"))
)
BATCHSPEC = (sys.executable, "-c", "from batchspec.cli.entry import main; main()")

_COMMAND_WITHIN_S = 120


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Every line of stdout as JSON; a line that is none fails the test."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [found for found in self.objects if found["type"] == name]


@dataclass
class Workload:
    """A project folder whose spec has a name, a pool and a job that no other test has."""

    folder: Path
    account: LocalAccount
    name: str = field(default_factory=lambda: f"w{token_hex(5)}")
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def pool_id(self) -> str:
        return f"{self.name}-pool"

    @property
    def job_id(self) -> str:
        return f"{self.name}-job"

    @property
    def spec(self) -> Path:
        return self.folder / "specs" / "ffmpeg.yaml"

    @property
    def clips(self) -> Path:
        return self.spec.parent / "clips"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    # The folder -------------------------------------------------------------------------------

    def copy_sample(self, nodes: int = 2) -> None:
        """The sample spec under this workload's names, with its clips."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(SAMPLE / "clips", self.clips)
        text = (SAMPLE / "ffmpeg.yaml").read_text("utf-8")
        for old, new in (
            ("name: ffmpeg #", f"name: {self.name} #"),
            ("id: linux-ffmpeg-pool", f"id: {self.pool_id}"),
            ("id: linux-ffmpeg-job", f"id: {self.job_id}"),
            ("targetLowPriorityNodes: 5", f"targetLowPriorityNodes: {nodes}"),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.spec.write_text(text, "utf-8")

    def write_copies(self) -> None:
        """Two files, `a` and `b`, copied by a task each."""
        self.write(
            """\
copy:
  inputs: clips/*
  command: [cp, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.name }}.out"
"""
        )
        self._write_a_and_b()

    def write_held(self) -> None:
        """As `write_copies`, but the tasks wait until `let_go`."""
        self.write(
            f"""\
wait:
  inputs: clips/*
  command: until test -e {self.folder / "go"}; do sleep 0.1; done; cp {{{{ input.path }}}} {{{{ output.path }}}}
  output: "{{{{ input.name }}}}.out"
"""
        )
        self._write_a_and_b()

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def _write_a_and_b(self) -> None:
        for name in ("a", "b"):
            (self.clips / name).write_text(name)

    def write(self, tasks: str, *, pool: str = "", rest: str = "download: ../outputs/") -> None:
        """A small spec with *tasks*, written at the margin, and no start task unless *pool* has one."""
        self.clips.mkdir(parents=True, exist_ok=True)
        body = f"""\
version: 1
name: {self.name}
pool:
  id: {self.pool_id}
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  targetLowPriorityNodes: 2
{_indented(pool)}\
job: {{id: {self.job_id}, constraints: {{maxWallClockTime: PT1H}}}}
tasks:
{_indented(tasks)}\
{rest}
"""
        self.spec.write_text(body, "utf-8")

    def edit(self, old: str, new: str) -> None:
        """Replaces the one place of *old* in the spec."""
        text = self.spec.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        self.spec.write_text(text.replace(old, new), "utf-8")

    def downloaded(self) -> set[str]:
        """The files in the download folder, as paths below it."""
        return {p.relative_to(self.outputs).as_posix() for p in self.outputs.rglob("*") if p.is_file()}

    # Commands ---------------------------------------------------------------------------------

    def command(self, *words: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> Ended:
        """Runs `batchspec WORDS` in the folder; it has to end with *code* (None: with any)."""
        ended = subprocess.run(
            [*BATCHSPEC, *words],
            cwd=self.folder,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_WITHIN_S,
        )
        result = Ended(ended.returncode, ended.stdout, ended.stderr)
        assert code is None or result.code == code, f"{words} ended with {result.code}:\n{result.said}"
        return result

    def apply(self, *words: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> Ended:
        """Runs `batchspec apply`; events as JSON have to follow their schema."""
        ended = self.command("apply", "specs/ffmpeg.yaml", *words, code=code, env=env)
        if words[-2:] == ("--format", "json"):
            for found in ended.objects:
                EVENTS.validate(found)
        return ended

    def plan(self, *words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The plan as JSON."""
        ended = self.command("plan", "specs/ffmpeg.yaml", "--format", "json", *words, env=env)
        return ended.of_type("plan")[0]

    def actions(self, *words: str) -> list[tuple[str, str, str]]:
        """What a plan would do: (operation, kind, reason), in order."""
        return [(a["operation"], a["kind"], a["reason"]) for a in self.plan(*words)["actions"]]

    def destroy(self, *words: str, code: int | None = 0) -> Ended:
        return self.command("destroy", "specs/ffmpeg.yaml", "--auto-approve", *words, code=code)

    @contextmanager
    def started(
        self, *words: str, env: Mapping[str, str] | None = None, program: Sequence[str] = BATCHSPEC
    ) -> Iterator[subprocess.Popen[str]]:
        """A command at work, in a process group of its own; whatever is left of it ends with the block."""
        process = subprocess.Popen(
            [*program, *words],
            cwd=self.folder,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()

    def on_a_terminal(self, *words: str, size: tuple[int, int]) -> AbstractContextManager[Terminal]:
        """A command at work on a terminal of so many columns and lines."""
        return on_a_terminal(
            [*BATCHSPEC, *words], size, folder=self.folder, environment=self._environment(None)
        )

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        """The test's own environment, without colours; what a killed command leaves is in the test's folder."""
        kept = {"XDG_CACHE_HOME": str(self.folder / ".cache"), "TMPDIR": str(self.folder.parent)}
        own = {**kept, "NO_COLOR": "1", "COLUMNS": "200"}
        return {**os.environ, **own, **self.environment, **(more or {})}

    # What is there ----------------------------------------------------------------------------

    def batch(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that Batch answers; None where it has nothing by that name."""
        credential = AzureNamedKeyCredential(self.account.batch_account, self.account.batch_key)
        headers = {"Content-Type": "application/json; odata=minimalmetadata"} if body is not None else {}
        with BatchClient(endpoint=self.account.batch_endpoint, credential=credential) as client:
            request = HttpRequest(
                method,
                path,
                params={} if "?" in path else {"api-version": "2025-06-01"},
                headers=headers,
                content=json.dumps(body) if body is not None else None,
            )
            try:
                response = client.send_request(request)
            except ResourceNotFoundError:
                return None
        return response.json() if response.content else {}

    def pool(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.batch("GET", f"/pools/{self.pool_id}")
        return found

    def job(self, generation: int = 1) -> dict[str, Any] | None:
        name = self.job_id if generation == 1 else f"{self.job_id}-{generation}"
        found: dict[str, Any] | None = self.batch("GET", f"/jobs/{name}")
        return found

    def jobs(self) -> list[dict[str, Any]]:
        """All generations of the job."""
        return [job for job in self.batch("GET", "/jobs")["value"] if job["id"].startswith(self.job_id)]

    def tasks(self, generation: int = 1) -> dict[str, dict[str, Any]]:
        """The tasks of a generation by id."""
        name = self.job_id if generation == 1 else f"{self.job_id}-{generation}"
        found = self.batch("GET", f"/jobs/{name}/tasks")
        return {task["id"]: task for task in found["value"]} if found else {}

    def all_task_ids(self) -> list[str]:
        """The ids of the tasks of all generations."""
        return sorted(
            task["id"]
            for job in self.jobs()
            for task in self.batch("GET", f"/jobs/{job['id']}/tasks")["value"]
        )

    def delete(self, path: str) -> None:
        """Deletes a pool or a job by its path, and waits until it is gone."""
        self.batch("DELETE", path)
        wait_until(lambda: self.batch("GET", path) is None)

    def blob_service(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.account.connection_string)

    def blobs(self, container: str) -> dict[str, str]:
        """ETags of this spec's blobs by name, below the spec's own folder."""
        prefix = f"{self.name}/"
        with self.blob_service() as service:
            try:
                listed = list(service.get_container_client(container).list_blobs(prefix))
            except HttpResponseError as error:
                if error.status_code != 404:
                    raise
                return {}
        return {blob.name.removeprefix(prefix): str(blob.etag) for blob in listed}

    def stored(self, clip: str) -> str:
        """The blob that *clip* is uploaded to as it is now, below the spec's own folder."""
        with (self.clips / clip).open("rb") as stream:
            return f".batchspec/files/{hashlib.file_digest(stream, 'md5').hexdigest()}/clips/{clip}"

    def inputs(self) -> set[str]:
        """The names of what was uploaded, without the digests that they have in storage."""
        return {re.sub(r"^\.batchspec/files/[0-9a-f]{32}/", "", name) for name in self.blobs("input")}

    def results(self) -> set[str]:
        """The output blobs that people made the spec for: without logs, lock and records."""
        return {name for name in self.blobs("output") if not name.startswith(".batchspec/")}

    def requests_since(self, number: int) -> list[dict[str, Any]]:
        """What the Batch endpoint was asked after its request *number*, looks at its log left out."""
        asked = self.batch("GET", f"/_local/requests?since={number}")["value"]
        return [entry for entry in asked if not entry["path"].startswith("/_local/")]

    def request_count(self) -> int:
        asked = self.batch("GET", "/_local/requests?since=0")["value"]
        return int(asked[-1]["n"]) if asked else 0

    # The end ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Takes the pool and the jobs out of the shared account."""
        if self.pool() is not None:
            self.batch("DELETE", f"/pools/{self.pool_id}")
        for job in self.jobs():
            if job["state"] != "deleting":
                self.batch("DELETE", f"/jobs/{job['id']}")


def make_workload(folder: Path, account: LocalAccount) -> Iterator[Workload]:
    """A workload in *folder*; what it has in the account goes at the end. For fixtures."""
    workload = Workload(folder / "project", account)
    (workload.folder / ".git").mkdir(parents=True)  # what makes it a project, which downloads stay in
    yield workload
    workload.clear()


def wait_until(done: Callable[[], bool], within_s: float = 60) -> None:
    """Returns once *done* says so."""
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def ffmpeg() -> str:
    """The ffmpeg of the tests: the machine's, else the one from the extra."""
    import imageio_ffmpeg

    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def sound_seconds(file: Path) -> float:
    """How long *file* sounds, decoded from end to end; a file without sound fails the test."""
    words: Sequence[str] = (
        ffmpeg(),
        "-nostdin",
        "-hide_banner",
        "-i",
        str(file),
        "-map",
        "0:a",
        "-f",
        "null",
        "-",
    )
    said = subprocess.run(words, capture_output=True, text=True, timeout=60).stderr
    assert re.search(r"Stream #\d+:\d+.*: Audio:", said), said
    times = re.findall(r"time=(\d+):(\d+):([\d.]+)", said)
    assert times, said
    hours, minutes, seconds = times[-1]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def make_clip(file: Path) -> None:
    """A clip of 3 seconds with sound and picture, whose content no other file has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SAMPLE / "clips" / "LowPriVMs-1.mp4", file)
    with file.open("ab") as stream:  # a free box after the film, which players pass over
        stream.write((8 + 16).to_bytes(4, "big") + b"free" + os.urandom(16))


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip().splitlines())
