"""From a spec to tasks submitted and checked, against the SDK's `create_tasks` with its models."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.bench import stub
from tests.bench.measure import Figure, above_start, in_turn, median, peak_mb, ratio, report, timed, way

if TYPE_CHECKING:
    from azure.batch.models import BatchTaskCreateOptions

_DELAY_MS = 300
_CONNECTIONS = 64
PACKAGES = ("azure-batch", "azure-core")


def figures(tasks: int, many: int, slow: int, rounds: int) -> Iterator[Figure]:
    """Submission as fast as the client can, its memory at two sizes, and with a service that takes its time."""
    with stub.running() as server:
        ways = {
            "ours": way(__name__, "ours", tasks, server.port),
            "sdk": way(__name__, "sdk", tasks, server.port, 0),
        }
        found = in_turn(rounds, ways)
        larger = way(__name__, "ours", many, server.port)()
    ours, sdk = found["ours"], found["sdk"]
    parts = (
        f"{tasks:,} tasks: ours {tasks / median(ours):,.0f} a second, {median(ours, 'cpu_s') / tasks * 1e6:.0f} us of "
        f"CPU each; create_tasks {tasks / median(sdk):,.0f} a second, {median(sdk, 'cpu_s') / tasks * 1e6:.0f} us, "
        f"{median(sdk, 'peak_mb'):.0f} MB"
    )
    yield Figure("submission, create_tasks / ours, wall", ratio(sdk, ours), "x", 10, 15, parts, PACKAGES)
    parts = (
        f"at {tasks:,} tasks, {median(ours, 'peak_mb'):.0f} MB with Python and the SDKs; "
        f"at {many:,}: {larger.peak_mb:.0f} MB in {larger.wall_s:.1f} s"
    )
    yield Figure(
        "submission, peak memory above start", above_start(ours), " MB", 64, 48, parts, PACKAGES, smaller=True
    )
    with stub.running(delay_ms=_DELAY_MS) as server:
        ways = {
            "ours": way(__name__, "ours", slow, server.port),
            "sdk": way(__name__, "sdk", slow, server.port, _CONNECTIONS),
        }
        found = in_turn(rounds, ways)
    ours, sdk = found["ours"], found["sdk"]
    parts = (
        f"{slow:,} tasks, {_DELAY_MS} ms added to each answer: ours {slow / median(ours):,.0f} a second; "
        f"create_tasks with {_CONNECTIONS} threads {slow / median(sdk):,.0f}"
    )
    yield Figure("submission to a slow service", ratio(sdk, ours), "x", 4, 5, parts, PACKAGES)


def ours(count: int, port: int) -> None:
    """The path of `apply`: expand, plan, render, sign a link for each input, send, check every answer."""
    from batchspec.desired.artifacts.readable import Readable
    from batchspec.desired.expansion.expand import expand
    from batchspec.engine.run.sending.submit import add_tasks
    from batchspec.engine.run.sending.uploads import Uploads
    from batchspec.plan.actions.planner import make_plan
    from batchspec.plan.observed import Observed
    from tests.bench.workload import FROM_BLOBS, conduct_of, made_up_inputs, spec_of, stub_account

    account, spec = stub_account(port), spec_of(FROM_BLOBS)
    before, start = stub.Stub(port).counts(), peak_mb()
    with timed() as taken:
        desired = expand(spec, Readable({"audio": made_up_inputs(count)}))
        conduct = conduct_of(account, desired, make_plan(desired, Observed()))
        add_tasks(conduct, Uploads(conduct))
    account.close()
    for reason, refused in conduct.outcome.reasons():
        raise SystemExit(f"{refused} tasks were refused: {reason}")
    counted = stub.Stub(port).counts() - before
    _require(counted["tasks"], count)
    rows = desired.tasks.database._connection.total_changes
    report(taken(), start_mb=start, requests=counted["requests"], bytes=counted["received"], rows=rows)


def dropped(count: int, one_in: int) -> None:
    """As `ours`, to a service that says nothing about some of the tasks; it has to end with an error."""
    from batchspec.service.http.retry import PATIENCE_VARIABLE

    os.environ[PATIENCE_VARIABLE] = "1"  # it asks again for so many seconds
    with stub.running(drop_one_in=one_in) as server:
        ours(count, server.port)


def sdk(count: int, port: int, threads: int) -> None:
    """The same tasks as models for `create_tasks`; the signed links are constants, which is in its favour."""
    from azure.batch import BatchClient
    from azure.core.credentials import AzureNamedKeyCredential

    from tests.bench.account import KEY, NAME

    client = BatchClient(f"http://127.0.0.1:{port}", AzureNamedKeyCredential(NAME, KEY))
    with timed() as taken:
        result = client.create_tasks(
            "bench-job", [model(number) for number in range(count)], max_concurrency=threads
        )
        done = len(result.result_values)
    client.close()
    _require(done, count)
    report(taken())


def model(number: int) -> BatchTaskCreateOptions:
    """The task that batchspec sends for the input of this number, as the SDK wants it said."""
    from datetime import timedelta

    from azure.batch import models

    from batchspec.desired.bodies.wrapper import NodeOutput, wrapped_words
    from batchspec.resources.records import (
        COMMAND_METADATA,
        FINGERPRINT_METADATA,
        WORK_METADATA,
    )
    from batchspec.resources.task import COMMAND_VARIABLE, FINGERPRINT_VARIABLE
    from tests.bench.workload import md5_of

    name = f"clip-{number:07d}"
    ends = "st=2026-01-01T00%3A00%3A00Z&se=2026-01-08T00%3A00%3A00Z"
    sas = f"?{ends}&sp=cw&spr=https%2Chttp&sv=2026-02-06&sr=c&sig=" + "s" * 46
    own_id = f"{name}-abcdefghij-abcdefghij"

    def upload(pattern: str, blob: str, condition: str, headers: dict[str, str] | None) -> models.OutputFile:
        return models.OutputFile(
            file_pattern=pattern,
            destination=models.OutputFileDestination(
                container=models.OutputFileBlobContainerDestination(
                    container_url=f"http://127.0.0.1:10000/stubaccount/output{sas}",
                    path=blob,
                    upload_headers=[
                        models.OutputFileUploadHeader(name=n, value=v) for n, v in headers.items()
                    ]
                    if headers
                    else None,
                )
            ),
            upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
        )

    stamps = {
        f"x-ms-meta-{FINGERPRINT_METADATA}": md5_of(number),
        f"x-ms-meta-{COMMAND_METADATA}": md5_of(0),
        f"x-ms-meta-{WORK_METADATA}": "params.bitrate=192k&command~=7fe07ac4&output~=35157325",
    }
    command = f"ffmpeg -hide_banner -nostdin -y -i in/{name}.mp4 -vn -b:a 192k out/{name}.mp3"
    blob = f"http://127.0.0.1:10000/stubaccount/input/bench/clips/0000/{name}.mp4{sas}"
    return models.BatchTaskCreateOptions(
        id=own_id,
        display_name=f"audio/0000/{name}.mp4",
        command_line=wrapped_words([NodeOutput(f"out/{name}.mp3")]),
        resource_files=[models.ResourceFile(http_url=blob, file_path=f"in/{name}.mp4")],
        output_files=[
            upload(f"out/{name}.mp3", f"bench/0000/{name}.mp3", "tasksuccess", stamps),
            upload("../stdout.txt", f"bench/.batchspec/logs/{own_id}/stdout.txt", "taskcompletion", None),
            upload("../stderr.txt", f"bench/.batchspec/logs/{own_id}/stderr.txt", "taskcompletion", None),
        ],
        environment_settings=[
            models.EnvironmentSetting(name=FINGERPRINT_VARIABLE, value=md5_of(number)),
            models.EnvironmentSetting(name=COMMAND_VARIABLE, value=command),
        ],
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(hours=1), retention_time=timedelta(days=7), max_task_retry_count=2
        ),
    )


def _require(found: int, count: int) -> None:
    if found != count:
        raise SystemExit(f"{found} tasks arrived, not {count}")


if __name__ == "__main__":
    {"ours": ours, "sdk": sdk, "dropped": dropped}[sys.argv[1]](*map(int, sys.argv[2:]))
