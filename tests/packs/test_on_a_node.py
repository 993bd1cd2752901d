"""A folder goes to a node, another one comes back: pack, blob, wrapper, blob and folder together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from main_job.workload import Workload, make_workload, wait_until

from batchspec.desired.bodies.wrapper import NodeOutput, NodePack, wrapped_script
from batchspec.engine.look.machine.packs import PackStream, entries_of, pack_of
from batchspec.engine.look.machine.project import ANYWHERE
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.run.downloads.unpack import unpack
from batchspec.resources.task import COMMAND_VARIABLE
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.embedded import LocalAccount
from packs.odd import PROGRAM, make_odd, tree

SCRIPT = f"""\
cp -R files/scene/. out/frames/
test -x files/scene/{PROGRAM}
if ! test -e ../tried; then touch ../tried out/frames/first-try; exit 9; fi
rm -r out/frames/sub
"""


class Node:
    """A pool of one node and a job in the local account; tasks read and write one blob container each."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.blobs = BlobStorage.from_connection_string(workload.account.connection_string)
        for container in ("input", "output"):
            self.blobs.ensure_container(container)
        machine = {
            "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        }
        pool = {"id": workload.pool_id, "vmSize": "Standard_D2ds_v5", "targetDedicatedNodes": 1}
        workload.batch("POST", "/pools", {**pool, "virtualMachineConfiguration": machine})
        workload.batch("POST", "/jobs", {"id": workload.job_id, "poolInfo": {"poolId": workload.pool_id}})

    def upload(self, folder: Path) -> str:
        """Where a task can read the pack of *folder*."""
        with Digests(folder.parent / "cache") as digests:
            content = pack_of(entries_of(folder, ANYWHERE.reads), digests).content
        blob = f"{self.workload.name}/{content}/scene.tar"
        stream = PackStream("scene/", entries_of(folder, ANYWHERE.reads), content)
        self.blobs.send("input", blob, "scene/", stream, {}, lambda _: None)
        return self.blobs.read_url("input", blob)

    def run(self, scene: str, script: str, blob: str) -> dict[str, Any]:
        """How a task with the folder *scene* ended, whose folder output becomes *blob*."""
        container = {"containerUrl": self.blobs.write_url("output"), "path": blob}
        task = {
            "id": f"t{token_hex(4)}",
            "commandLine": wrapped_script(
                [NodeOutput("out/frames", is_folder=True)], [NodePack("files/scene")]
            ),
            "environmentSettings": [{"name": COMMAND_VARIABLE, "value": script}],
            "resourceFiles": [{"httpUrl": scene, "filePath": "files/scene.tar"}],
            "outputFiles": [
                {
                    "filePattern": "out/frames.tar",
                    "destination": {"container": container},
                    "uploadOptions": {"uploadCondition": "tasksuccess"},
                }
            ],
            "constraints": {"maxTaskRetryCount": 1},
        }
        self.workload.batch("POST", f"/jobs/{self.workload.job_id}/tasks", task)
        wait_until(lambda: self.workload.tasks()[task["id"]]["state"] == "completed")
        found: dict[str, Any] = self.workload.tasks()[task["id"]]["executionInfo"]
        return found


@pytest.fixture
def node(tmp_path: Path, local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for workload in make_workload(tmp_path, local_account):
        node = Node(workload)
        yield node
        node.blobs.close()


def test_there_and_back(node: Node, tmp_path: Path) -> None:
    """A second try unpacks what was sent once more, and what the first one left is in no pack."""
    scene = make_odd(tmp_path / "scene")
    blob = f"{node.workload.name}/frames.tar"
    ended = node.run(node.upload(scene), SCRIPT, blob)
    assert (ended["exitCode"], ended["retryCount"]) == (0, 1)
    with (tmp_path / "frames.tar").open("wb") as target:
        assert node.blobs.download("output", blob, target.write) is not None
    with (tmp_path / "frames.tar").open("rb") as stream:
        unpack(stream, tmp_path / "home")
    home, sent = tree(tmp_path / "home"), tree(scene)
    assert home == {
        name: found for name, found in sent.items() if not name.startswith("sub/") and name != "sub"
    }


def test_a_folder_that_cannot_be_packed_is_no_output(node: Node, tmp_path: Path) -> None:
    """The task fails as with a missing output, and nothing is uploaded."""
    (tmp_path / "scene").mkdir()
    blob = f"{node.workload.name}/frames.tar"
    ended = node.run(node.upload(tmp_path / "scene"), "ln -s /etc out/frames/etc", blob)
    assert ended["exitCode"] == 66
    assert node.workload.results() == set()
