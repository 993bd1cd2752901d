"""The recordings of the real service, replayed: the same requests in the same order give the same answers.

Compared are status, the headers that the recordings kept, and the whole body, up to hosts, times, ETags, and ids that
the service makes. Where the service took its time, the clock is moved until the answer is the recorded one. What
remains different is listed here, each with its reason.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from batchspec.emulator.state.settings import AS_MEASURED
from tests.emulator.clock import ManualClock

from . import make_api
from .conftest import Served, wait_until

RECORDINGS = make_api.SOURCE.parent / "recordings"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ETAG = re.compile(r"0x8D[0-9A-F]{12,13}")
_NODE = re.compile(r"tvmps_[0-9a-f]{64}_[dp]")

# What stays different, as a path in a body (or a header), and why.
DIFFERENT = {
    "header:Location": "the recorder removed its value",
    "header:Content-Length": "of an error, whose length has the host's name in it; otherwise left to the server",
    "header:Content-Type": "the service wrote it without a space in 2022",
    "certificateReferences": "properties of older versions that have no effect are not made up when they were not sent",
    "targetNodeCommunicationMode": "as certificateReferences",
    "currentNodeCommunicationMode": "as certificateReferences",
    "ipAddress": "this machine's",
    "publicIPAddress": "nodes have no public address here",
    "publicFQDN": "as publicIPAddress",
    "frontendPort": "which node has which number is chance",
    "inboundEndpoints[0].name": "as frontendPort",
    "exactVersion": "the service resolved `latest`",
    "autoScaleRun": "told at once here, later there",
    "nodeAgentInfo": "the agent's version is one of 2026",
    "runningTaskSlotsCount": "not told by the oldest version",
    "resizeTimeout": "while a pool is deleted the service counts its resizeTimeout down",
    "containerUrl": "the recorder replaced it",
    "executionInfo.nextRunTime": "a schedule that is being deleted told its next run again",
    "allocationState": "a pool can be steady before the first look",
    "previousState": "a task was seen running longer there",
}


def recorded(name: str) -> list[dict[str, Any]]:
    path = RECORDINGS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recordings are not at {RECORDINGS}")
    text = path.read_text()
    for ended, successor in _SUCCESSORS.items():
        text = re.sub(f'"{ended}"', f'"{successor}"', text, flags=re.I)
    found: list[dict[str, Any]] = json.loads(text)["interactions"]
    return found


# Images that were refused today: their support has ended since.
_SUCCESSORS = {
    "ubuntuserver": "ubuntu-24_04-lts",
    "18.04-lts": "server",
    "batch.node.ubuntu 18.04": "batch.node.ubuntu 24.04",
    "2012-r2-datacenter": "2022-datacenter",
}


class Replay:
    def __init__(self, served: Served, clock: ManualClock) -> None:
        self.served = served
        self.clock = clock
        self.problems: list[str] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.served.raw(method, path, body)

    def do(self, method: str, path: str, body: Any = None) -> None:
        """A step that the recording had left out."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, answer.body

    def settle(self, pool_id: str) -> None:
        """The pool is steady, its nodes idle."""

        def done() -> bool:
            self.clock.advance(1)
            pool = self.ask("GET", f"/pools/{pool_id}").json()
            nodes = self.ask("GET", f"/pools/{pool_id}/nodes").json()["value"]
            return pool["allocationState"] == "steady" and all(node["state"] == "idle" for node in nodes)

        wait_until(done)

    def play(self, interaction: dict[str, Any], limit_s: float = 400.0) -> Any:
        """Asks until the answer is the recorded one; notes what is still different in the end."""
        body, path = interaction["request"], interaction["path"]
        method = interaction["method"]
        end = time.monotonic() + 20
        moved = 0.0
        while True:
            answer = self.served.raw(method, *_split(path, body))
            problems = list(_compare(interaction, answer))
            if not problems or method != "GET" or time.monotonic() > end or moved > limit_s:
                break
            self.clock.advance(0.5)
            moved += 0.5
            time.sleep(0.003)
        self.problems += [f"{method} {path}: {problem}" for problem in problems]
        return answer


def _split(path: str, body: Any) -> tuple[str, Any, str]:
    base, _, query = path.partition("?")
    return base, body, query


def _compare(interaction: dict[str, Any], answer: Any) -> Iterator[str]:
    if answer.status != interaction["status"]:
        yield f"status {answer.status}, recorded {interaction['status']}: {answer.body[:300]!r}"
        return
    for name, value in interaction["headers"].items():
        found = answer.headers.get(name.lower())
        if f"header:{name}" not in DIFFERENT and (found is None or _shape(found) != _shape(value)):
            yield f"header {name}: {found!r}, recorded {value!r}"
    if interaction["response"] is not None:
        yield from _differences(interaction["response"], answer.json(), "")
    elif answer.body and interaction["method"] != "GET":
        yield f"a body: {answer.body[:100]!r}"


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if any(path.endswith(known) for known in DIFFERENT if path):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inside = f"{path}.{key}".lstrip(".")
            if key not in new or key not in old:
                if not any(inside.endswith(known) for known in DIFFERENT):
                    yield f"{inside}: {'missing' if key not in new else 'too much'}"
            else:
                yield from _differences(old[key], new[key], inside)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _differences(*pair, f"{path}[{number}]")
    elif _shape(old) != _shape(new):
        yield f"{path}: {new!r}, recorded {old!r}"


def _shape(value: Any) -> Any:
    """The value without what cannot be the same: host, times, ETags, made ids."""
    if not isinstance(value, str):
        return value
    text = re.sub(r"https?://[^/%]+", "HOST", unquote(value))
    for pattern, name in ((_TIME, "TIME"), (_GUID, "GUID"), (_ETAG, "ETAG"), (_NODE, "NODE")):
        text = pattern.sub(name, text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE", text)
    return re.sub(r"\$skiptoken=.*", "$skiptoken", text)


@pytest.fixture
def replay(start: Callable[..., Served], clock: ManualClock) -> Replay:
    return Replay(start(clock, speed=AS_MEASURED), clock)


@pytest.mark.parametrize("name", ["jobs-2025-06-01", "errors-2025-06-01"])
def test_whole_recordings(replay: Replay, name: str) -> None:
    """A recording that is complete is replayed from its first request to its last."""
    for interaction in recorded(name):
        replay.play(interaction)
    assert "\n".join(replay.problems) == ""


def test_job_schedules(replay: Replay) -> None:
    """The recording was put together of two: the second begins with a schedule that was made before."""
    interactions = recorded("job-schedules")
    for interaction in interactions[:9]:
        replay.play(interaction)
    body = {
        "schedule": {"recurrenceInterval": "PT5H"},
        "jobSpecification": {"poolInfo": {"poolId": "pool_id"}},
    }
    replay.do("POST", "/jobschedules", {"id": "batch_schedule_", **body})
    replay.do("POST", "/jobschedules/batch_schedule_/disable")
    replay.do("POST", "/jobschedules/batch_schedule_/enable")
    for interaction in interactions[9:]:
        replay.play(interaction)
    assert "\n".join(replay.problems) == ""


def test_pool_updates(replay: Replay) -> None:
    """Put together of two as well."""
    interactions = recorded("pools-update-delete")
    for interaction in interactions[:7]:
        replay.play(interaction)
    replay.do(
        "POST", "/pools", {"id": "batch_paas_", **_JAMMY, "metadata": [{"name": "foo2", "value": "bar2"}]}
    )
    replay.settle("batch_paas_")
    for interaction in interactions[7:]:
        replay.play(interaction)
    assert "\n".join(replay.problems) == ""


def test_pool_scaling(replay: Replay) -> None:
    """Autoscale on, off, a resize that is stopped: on one pool here, on two there."""
    text = json.dumps(recorded("pools-scale-2025-06-01")).replace("f50021c2", "scalepool")
    replay.do("POST", "/pools", {"id": "scalepool", **_JAMMY, **_SCALED})
    replay.settle("scalepool")
    for interaction in json.loads(text):
        if interaction["path"].startswith("/pools/scalepool/disableautoscale"):
            replay.settle("scalepool")  # the formula's two nodes are there first, as they were there
        replay.play(interaction)
    assert "\n".join(replay.problems) == ""


def test_pool_lists(replay: Replay) -> None:
    """Three pools, listed in pages, filtered, selected."""
    interactions = recorded("pools-list-2025-06-01")
    disk = {
        "lun": 1,
        "caching": "none",
        "diskSizeGB": 50,
        "managedDisk": {"storageAccountType": "standard_lrs"},
    }
    machine = _JAMMY["virtualMachineConfiguration"]
    encrypted = {**machine, "diskEncryptionConfiguration": {"targets": ["temporarydisk"]}}
    windows = recorded("pools-create-2024-07-01.20.0")[0]["request"]
    accounts = [
        {**account, "windowsUserConfiguration": {"loginMode": "batch"}} for account in windows["userAccounts"]
    ]
    windows = {key: value for key, value in windows.items() if key != "targetNodeCommunicationMode"}
    replay.do("POST", "/pools", {**windows, "id": "batch_iaas", "userAccounts": accounts})
    replay.do(
        "POST",
        "/pools",
        {"id": "batch_disk_", **_JAMMY, "virtualMachineConfiguration": {**machine, "dataDisks": [disk]}},
    )
    replay.do("POST", "/pools", {"id": "batch_ade_", **_JAMMY, "virtualMachineConfiguration": encrypted})
    token = ""
    for interaction in interactions:
        path = interaction["path"].replace("Sanitized", token)
        answer = replay.play({**interaction, "path": path})
        link = answer.json().get("odata.nextLink", "")
        token = link.partition("$skiptoken=")[2]
    assert "\n".join(replay.problems) == ""


def test_pool_creation_of_2024(replay: Replay) -> None:
    """A pool of an older version with neither target; then two that only the account's subscription refuses."""
    for interaction in recorded("pools-create-2024-07-01.20.0")[:2]:
        replay.play(interaction)
    assert "\n".join(replay.problems) == ""


def test_nodes(replay: Replay) -> None:
    """Two nodes from creating to idle; scheduling off and on, a reboot, removal."""
    interactions = recorded("nodes-2025-06-01")
    replay.do("POST", "/pools", {"id": "computenodepool", **_JAMMY, **_SCALED, "targetDedicatedNodes": 2})
    for interaction in interactions[:2]:
        replay.play(interaction)
    nodes = [item["id"] for item in replay.ask("GET", "/pools/computenodepool/nodes").json()["value"]]
    text = _NODE.sub(nodes[0], json.dumps(interactions[2:]))
    *others, last = json.loads(text)
    for interaction in others:
        if (
            "uploadbatchservicelogs" not in interaction["path"]
        ):  # it goes to a container that the recorder removed
            replay.play(interaction)
    replay.settle("computenodepool")
    replay.do("POST", "/pools/computenodepool/removenodes", {"nodeList": nodes})
    replay.play(last)
    assert "\n".join(replay.problems) == ""


def test_a_job_of_2022(replay: Replay) -> None:
    """Images apart, what the command line extension did on Linux: a pool, a job, a task, its deletion."""
    interactions = recorded("cli-extensions-2022-01-01.15.0")[1:14]
    text = json.dumps(interactions).replace("$AZ_BATCH_TASK_DIR/*.txt", "nothing/*.txt")
    plain = json.loads(text, object_hook=_without_default_ports)
    for interaction in plain:
        if "previousState" in json.dumps(interaction) or not interaction["path"].startswith(_TASKS_OF_2022):
            replay.play(interaction)  # a task still waiting for its node is not seen here: it runs at once
    assert "\n".join(replay.problems) == ""


def _without_default_ports(body: dict[str, Any]) -> dict[str, Any]:
    """Pools made since 2025-11-30 open no port for SSH of themselves (Batch's page on pool endpoints)."""
    return {name: value for name, value in body.items() if name != "endpointConfiguration"}


_TASKS_OF_2022 = "/jobs/ncj-ubuntu1604/tasks?"
_JAMMY: dict[str, Any] = {
    "vmSize": "standard_d2_v2",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "Canonical",
            "offer": "0001-com-ubuntu-server-jammy",
            "sku": "22_04-lts",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
}
_NAT = {"name": "ruleName", "protocol": "tcp", "backendPort": 3389}
_SCALED = {
    "displayName": "test_pool",
    "userAccounts": [{"name": "task-user", "password": "x", "elevationLevel": "admin"}],
    "networkConfiguration": {
        "endpointConfiguration": {
            "inboundNATPools": [{**_NAT, "frontendPortRangeStart": 15000, "frontendPortRangeEnd": 15100}]
        }
    },
}
