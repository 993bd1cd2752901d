"""What it costs to watch a running job: requests a refresh, counted where they are sent."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote_plus, urlsplit

from tests.bench import account
from tests.bench.measure import Figure, way

_FOR_S = 15
PACKAGES = ("azure-batch",)


def figures(tasks: int, seconds: float = _FOR_S) -> Iterator[Figure]:
    with account.local():
        sample = way(__name__, "watch", tasks, seconds)()
    asked = Counter(sample.more["requests"])
    refreshes, listings = asked["taskcounts"], asked["tasks since"] + asked["all tasks"]
    parts = (
        f"{tasks:,} tasks, {sample.more['ended']:,} of them ended while {refreshes} refreshes were watched: "
        f"{listings} listings, {asked['all tasks']} of them of all that completed, "
        f"{asked['other']} looks at pool, job and nodes"
    )
    value = sum(asked.values()) / refreshes
    yield Figure("watching a running job, requests a refresh", value, "", 3, 2, parts, PACKAGES, smaller=True)


def watch(count: str, seconds: str) -> None:
    """Adds the tasks, and watches them as `apply` does for some seconds."""
    import time
    from contextlib import suppress

    from azure.core.rest import HttpRequest, HttpResponse

    from batchspec.desired.artifacts.readable import Readable
    from batchspec.desired.expansion.expand import expand
    from batchspec.engine.run.brake import Brake
    from batchspec.engine.run.doctor import Doctor
    from batchspec.engine.run.sending.provision import make_job, make_pool
    from batchspec.engine.run.sending.submit import add_tasks
    from batchspec.engine.run.sending.uploads import Uploads
    from batchspec.engine.run.watch import Watch
    from batchspec.errors import RunError
    from batchspec.plan.actions.planner import make_plan
    from batchspec.plan.observed import Observed
    from batchspec.service.batch.client import Batch
    from batchspec.service.connect import connect
    from batchspec.service.http.retry import Budget
    from tests.bench.measure import report, timed
    from tests.bench.workload import conduct_of, made_up_inputs, spec_of

    connection = connect("local", lambda _: None)
    spec = spec_of(_SPEC)
    for container in ("input", "output"):
        connection.blobs.ensure_container(container)
    connection.blobs._service.get_blob_client("input", "one").upload_blob(b"one")
    inputs = (item._replace(blob="one") for item in made_up_inputs(int(count)))  # all read the same blob
    desired = expand(spec, Readable({"trivial": inputs}))
    conduct = conduct_of(connection, desired, make_plan(desired, Observed()))
    make_pool(conduct)
    make_job(conduct)
    add_tasks(conduct, Uploads(conduct))
    asked: list[str] = []
    send = Batch._send

    def counted(batch: Batch, request: HttpRequest, doing: str, budget: Budget | None = None) -> HttpResponse:
        asked.append(_kind(request.url))
        return send(batch, request, doing, budget)

    Batch._send = counted
    watching = Watch(conduct, Doctor(conduct), Brake(conduct, None), conduct.plan.job_id, lambda _task: None)
    with timed() as taken, suppress(RunError):  # that time is up
        watching.run(time.monotonic() + float(seconds))
    connection.close()
    report(taken(), ended=conduct.outcome.ended.total(), requests=Counter(asked))


def _kind(url: str) -> str:
    path = urlsplit(url).path
    if path.endswith("/taskcounts"):
        return "taskcounts"
    if path.endswith("/tasks"):
        return "tasks since" if "stateTransitionTime ge" in unquote_plus(url) else "all tasks"
    return "other"


_SPEC = """\
version: 1
name: bench
pool:
  id: bench-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server:latest
  targetDedicatedNodes: 2
job: {id: bench-job}
tasks:
  trivial:
    inputs: {container: input, prefix: one}
    command: ["true"]
"""

if __name__ == "__main__":
    watch(*sys.argv[2:])
