"""Application packages: zip files in a real blob container, unpacked on nodes for the tasks that are to see them."""

import io
import stat
import zipfile
from collections.abc import Callable

import pytest
from azure.batch import BatchClient
from azure.storage.blob import ContainerClient

from .conftest import Served, job_body, pool_body, wait_until
from .steps import ready_pool, refused, run_task, text
from .test_transfers import blob_url, container, url

__all__ = ["container", "url"]

Add = Callable[..., None]
TOOL = [{"applicationId": "Tool-x", "version": "7.1"}]
SAYS = "/bin/sh -c '$AZ_BATCH_APP_PACKAGE_Tool_x_7_1/bin/say; echo $AZ_BATCH_APP_PACKAGE_tool_x_7_1'"


def said(client: BatchClient, task_id: str) -> str:
    return text(client.download_task_file("job", task_id, "stdout.txt"))


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    return found


SCRIPT = {member("bin/say", stat.S_IFREG | 0o755): b"#!/bin/sh\necho hello; cat $(dirname $0)/../data\n"}
GOOD = {**SCRIPT, member("data"): b"data\n"}


def zipped(members: dict[zipfile.ZipInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def add(served: Served, container: ContainerClient, url: str) -> Add:
    """Makes *content* a package of the account."""

    def add_one(content: bytes, id: str = "Tool-x", version: str = "7.1") -> None:
        container.upload_blob("p.zip", content, overwrite=True)
        package = {"url": blob_url(url, "p.zip"), "md5": "m"}
        assert served.raw("POST", f"/_local/applications/{id}/{version}", package, "").status == 201

    return add_one


def test_packages_of_a_pool_are_on_its_nodes(client: BatchClient, add: Add) -> None:
    """The start task and every task find the package by its variable; the application is listed with its versions."""
    add(zipped(GOOD))
    start = {"commandLine": SAYS, "waitForSuccess": True}
    (node,) = ready_pool(client, applicationPackageReferences=TOOL, startTask=start)
    folder = "/applications/Tool-x/7.1"
    started = text(client.download_node_file("pool", node.id, "startup/stdout.txt"))
    assert started.splitlines()[:2] == ["hello", "data"]
    client.create_job(job_body())
    assert run_task(client, commandLine=SAYS).execution_info.exit_code == 0
    assert said(client, "task").splitlines()[2].endswith(folder)
    (application,) = client.list_applications()
    assert (application.id, application.versions) == ("Tool-x", ["7.1"])
    assert client.get_application("tool-X").versions == ["7.1"]


def test_packages_of_a_task_are_for_that_task(client: BatchClient, add: Add) -> None:
    """Put on the node before the command runs; another task of the node has no variable."""
    ready_pool(client)
    client.create_job(job_body())
    add(zipped(GOOD))
    assert run_task(client, commandLine=SAYS, applicationPackageReferences=TOOL).execution_info.exit_code == 0
    assert run_task(client, id="other", commandLine="/bin/sh -c 'env'").execution_info.exit_code == 0
    assert "APP_PACKAGE" not in said(client, "other")


def test_a_pool_refers_to_packages_of_the_account(client: BatchClient, add: Add) -> None:
    """Neither a pool nor an update of one takes others; without a version there is none, since none is the default."""
    error = refused(client.create_pool, pool_body(applicationPackageReferences=TOOL))
    assert (error.status_code, error.error.code) == (409, "InvalidApplicationPackageReferences")
    add(zipped(GOOD))
    full = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/a/applications/Tool-x"
    client.create_pool(
        pool_body(
            targetDedicatedNodes=0, applicationPackageReferences=[{"applicationId": full, "version": "7.1"}]
        )
    )
    changed = {"applicationPackageReferences": [{"applicationId": "Tool-x"}]}
    assert refused(client.update_pool, "pool", changed).status_code == 409
    assert refused(client.replace_pool_properties, "pool", {**changed, "metadata": []}).status_code == 409


def test_a_task_whose_package_is_not_there_fails(client: BatchClient) -> None:
    """Before its command runs."""
    ready_pool(client)
    client.create_job(job_body())
    task = run_task(client, commandLine=SAYS, applicationPackageReferences=TOOL)
    assert (task.execution_info.exit_code, task.execution_info.result) == (None, "failure")
    assert [detail.value for detail in task.execution_info.failure_info.details] == [
        "Tool-x 7.1",
        "the account has no such package",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (zipped({member("../out"): b""}), "'../out' leaves the folder of the package"),
        (zipped({member("/etc/out"): b""}), "'/etc/out' leaves the folder of the package"),
        (zipped({member("a\\..\\..\\out"): b""}), "leaves the folder of the package"),
        (zipped({member("l", stat.S_IFLNK | 0o777): b"/etc"}), "'l' is neither a file nor a folder"),
        (zipped({member("f"): b"", member("f/x"): b""}), "the zip file cannot be unpacked"),
        (b"no zip", "the zip file cannot be unpacked: File is not a zip file"),
    ],
    ids=["above", "absolute", "backslashes", "link", "file-as-folder", "no-zip"],
)
def test_a_package_that_cannot_be_unpacked_leaves_nothing(
    client: BatchClient, served: Served, add: Add, content: bytes, why: str
) -> None:
    """Nothing of it lies outside of its folder, nor in it; its nodes are of no use."""
    add(content)
    client.create_pool(pool_body(applicationPackageReferences=TOOL))
    node = wait_until(lambda: next((n for n in client.list_nodes("pool") if n.state == "unusable"), None))
    assert why in node.errors[0].error_details[1].value
    (folder,) = served.settings.home.glob("nodes/*/*/applications")
    assert [found for found in folder.rglob("*") if found.is_file()] == []
    assert not list(served.settings.home.rglob("out"))


def test_nodes_keep_the_packages_of_their_last_boot(client: BatchClient, add: Add) -> None:
    """A change of the pool's packages comes to its nodes when they reboot; what was there stays."""
    add(zipped(GOOD))
    add(zipped(GOOD), version="8")
    (node,) = ready_pool(client, applicationPackageReferences=TOOL)
    newer = [{"applicationId": "tool-x", "version": "8"}]
    client.update_pool("pool", {"applicationPackageReferences": newer})
    client.create_job(job_body())
    run_task(client, commandLine="env")
    assert "PACKAGE_Tool_x_7_1=" in said(client, "task")
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"}).result()
    run_task(client, id="after", commandLine="env")
    assert "PACKAGE_Tool_x_8=" in said(client, "after")
    assert "PACKAGE_Tool_x_7_1=" not in said(client, "after")
