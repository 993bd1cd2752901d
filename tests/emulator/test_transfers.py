"""Files into tasks and out of them, with a real blob endpoint."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from batchspec.emulator.node import account_sas
from batchspec.service.embedded import LocalAccount

from .conftest import job_body, wait_until
from .steps import ready_pool, run_task, text


@pytest.fixture
def container(local_account: LocalAccount) -> Iterator[ContainerClient]:
    """An empty blob container of the test's own."""
    name = f"c{uuid.uuid4().hex}"
    credential = {"account_name": local_account.storage_account, "account_key": local_account.storage_key}
    with ContainerClient(local_account.blob_endpoint, name, credential=credential) as client:
        client.create_container()
        yield client
        client.delete_container()


@pytest.fixture
def url(container: ContainerClient, local_account: LocalAccount) -> str:
    """The container's URL with a SAS for all that a node does."""
    return signed(container, local_account, "rwl")


def signed(container: ContainerClient, account: LocalAccount, rights: str) -> str:
    sas = generate_container_sas(
        account.storage_account,
        container.container_name,
        account_key=account.storage_key,
        permission=ContainerSasPermissions.from_string(rights),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url}?{sas}"


def blob_url(url: str, name: str) -> str:
    base, _, sas = url.partition("?")
    return f"{base}/{name}?{sas}"


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    ready_pool(client)
    client.create_job(job_body())
    return client


def output(url: str, pattern: str, condition: str = "tasksuccess", **destination: Any) -> dict[str, Any]:
    return {
        "filePattern": pattern,
        "destination": {"container": {"containerUrl": url, **destination}},
        "uploadOptions": {"uploadCondition": condition},
    }


def names(container: ContainerClient) -> list[str]:
    return sorted(container.list_blob_names())


def test_a_blob_comes_in_and_the_result_goes_out(
    job: BatchClient, container: ContainerClient, url: str
) -> None:
    """A resource file lies where it was asked for; the output goes up under its path, with headers and an MD5."""
    container.upload_blob("in/a b.txt", b"hello")
    headers = [
        {"name": "x-ms-meta-fingerprint", "value": "f1"},
        {"name": "Content-Type", "value": "text/plain"},
    ]
    task = run_task(
        job,
        commandLine="/bin/bash -c 'mkdir out; tr a-z A-Z < in/x.txt > out/y.txt'",
        resourceFiles=[{"httpUrl": blob_url(url, "in/a%20b.txt"), "filePath": "in/x.txt"}],
        outputFiles=[output(url, "out/y.txt", path="results/y é.txt", uploadHeaders=headers)],
    )
    assert task.execution_info.exit_code == 0
    assert task.execution_info.failure_info is None
    properties = container.get_blob_client("results/y é.txt").get_blob_properties()
    assert properties.metadata == {"fingerprint": "f1"}
    assert properties.content_settings.content_type == "text/plain"
    assert properties.content_settings.content_md5 == hashlib.md5(b"HELLO").digest()
    assert container.download_blob("results/y é.txt").readall() == b"HELLO"


def test_a_whole_container_with_prefix(job: BatchClient, container: ContainerClient, url: str) -> None:
    """storageContainerUrl brings all blobs below a prefix, in their structure."""
    for name in ("a/1", "a/b/2", "c/3"):
        container.upload_blob(name, name.encode())
    run_task(
        job,
        commandLine="find . -type f",
        resourceFiles=[{"storageContainerUrl": url, "blobPrefix": "a/", "filePath": "data"}],
    )
    lines = text(job.download_task_file("job", "task", "stdout.txt")).split()
    assert sorted(lines) == ["./data/a/1", "./data/a/b/2"]


def test_missing_blob(job: BatchClient, container: ContainerClient, url: str) -> None:
    """A blob that is not there fails the task before its command runs."""
    task = run_task(
        job,
        commandLine="true",
        resourceFiles=[{"httpUrl": blob_url(url, "nothing"), "filePath": "x"}],
        constraints={"maxTaskRetryCount": 2},
    )
    info = task.execution_info
    assert (info.failure_info.category, info.failure_info.code) == ("UserError", "BlobNotFound")
    assert (info.exit_code, info.retry_count, info.result) == (None, 0, "failure")


def test_bad_signature(job: BatchClient, container: ContainerClient, url: str) -> None:
    """A SAS that is not good is BlobAccessDenied, and its signature is in no message."""
    container.upload_blob("x", b"")
    bad = blob_url(url, "x").replace("sig=", "sig=AAAA")
    task = run_task(job, commandLine="true", resourceFiles=[{"httpUrl": bad, "filePath": "x"}])
    assert task.execution_info.failure_info.code == "BlobAccessDenied"
    assert "sig=" not in str(task.execution_info.failure_info.as_dict())


def test_a_path_out_of_the_working_directory(job: BatchClient, container: ContainerClient, url: str) -> None:
    """A resource file cannot be put outside the task's working directory."""
    container.upload_blob("x", b"")
    files = [{"httpUrl": blob_url(url, "x"), "filePath": "../../x"}]
    task = run_task(job, commandLine="true", resourceFiles=files)
    assert task.execution_info.failure_info.code == "ResourceFileCreateFailed"


def test_patterns_and_conditions(job: BatchClient, container: ContainerClient, url: str) -> None:
    """Wildcards keep the path below their fixed part; each condition uploads when it says."""
    run_task(
        job,
        id="good",
        commandLine="/bin/bash -c 'mkdir -p out/a/b; cd out; touch 1.txt a/2.txt a/b/3.txt .hidden 4.log; echo x'",
        outputFiles=[
            output(url, "out/**/*.txt", path="deep"),
            output(url, "out/*.txt", path="flat"),
            output(url, "out/[!a]*.l?g"),
            output(url, "../stdout.txt", "taskcompletion", path="log/out.txt"),
            output(url, "../stderr.txt", "taskfailure", path="log/err.txt"),
            output(url, "$AZ_BATCH_TASK_DIR/stdout.txt", path="log/env.txt"),
            output(url, "nothing/*"),
        ],
    )
    assert names(container) == [
        "4.log",
        "deep/1.txt",
        "deep/a/2.txt",
        "deep/a/b/3.txt",
        "flat/1.txt",
        "log/env.txt",
        "log/out.txt",
    ]
    run_task(
        job,
        id="bad",
        commandLine="false",
        outputFiles=[
            output(url, "../std*.txt", "taskfailure", path="bad"),
            output(url, "../stdout.txt", path="no"),
        ],
    )
    assert [name for name in names(container) if "bad" in name or "no" in name] == [
        "bad/stderr.txt",
        "bad/stdout.txt",
    ]
    assert "uploaded" in text(job.download_task_file("job", "bad", "fileuploadout.txt"))


def test_upload_error_fails_a_task_that_succeeded(
    job: BatchClient, container: ContainerClient, url: str, local_account: LocalAccount
) -> None:
    """Without its container, or without the right to write, a task with exit code 0 has failed."""
    missing = url.replace(container.container_name, container.container_name + "x")
    task = run_task(job, id="missing", commandLine="true", outputFiles=[output(missing, "../stdout.txt")])
    assert (task.execution_info.exit_code, task.execution_info.result) == (0, "failure")
    assert task.execution_info.failure_info.code in ("FileUploadContainerNotFound", "FileUploadAccessDenied")
    reading = signed(container, local_account, "rl")
    task = run_task(job, id="denied", commandLine="true", outputFiles=[output(reading, "../stdout.txt")])
    assert (task.execution_info.exit_code, task.execution_info.result) == (0, "failure")


def test_large_output_goes_up_in_blocks(job: BatchClient, container: ContainerClient, url: str) -> None:
    """A file above the block size arrives whole, with its MD5, metadata and content type."""
    headers = [{"name": "x-ms-meta-a", "value": "1"}, {"name": "Content-Type", "value": "audio/mpeg"}]
    run_task(
        job,
        commandLine="/bin/bash -c 'head -c 20000000 /dev/urandom > big; md5sum big'",
        outputFiles=[output(url, "big", uploadHeaders=headers)],
    )
    digest = text(job.download_task_file("job", "task", "stdout.txt")).split()[0]
    properties = container.get_blob_client("big").get_blob_properties()
    assert properties.content_settings.content_md5.hex() == digest
    assert (properties.size, properties.metadata) == (20_000_000, {"a": "1"})
    assert properties.content_settings.content_type == "audio/mpeg"
    assert hashlib.md5(container.download_blob("big").readall()).hexdigest() == digest


def test_start_task_with_files(client: BatchClient, container: ContainerClient, url: str) -> None:
    """A start task gets its resource files too; when they are missing the node is starttaskfailed."""
    container.upload_blob("setup.sh", b"echo ready > $AZ_BATCH_NODE_SHARED_DIR/flag")
    start = {
        "commandLine": "/bin/bash setup.sh",
        "resourceFiles": [{"httpUrl": blob_url(url, "setup.sh"), "filePath": "setup.sh"}],
        "waitForSuccess": True,
    }
    (node,) = ready_pool(client, startTask=start)
    assert text(client.download_node_file("pool", node.id, "shared/flag")) == "ready\n"


def test_auto_storage(start: Any, container: ContainerClient, url: str) -> None:
    """autoStorageContainerName is a container of the storage that the account was started with."""
    container.upload_blob("x.txt", b"auto")
    base, _, sas = url.partition("?")
    served = start(auto_storage_url=base.rpartition("/")[0], auto_storage_sas=sas)
    with served.client() as client:
        ready_pool(client)
        client.create_job(job_body())
        files = [{"autoStorageContainerName": container.container_name}]
        run_task(client, commandLine="cat x.txt", resourceFiles=files)
        assert text(client.download_task_file("job", "task", "stdout.txt")) == "auto"


def test_logs_of_a_node(client: BatchClient, container: ContainerClient, url: str) -> None:
    """The agent's log tells of the node, its start task and its tasks; of another time there is none."""
    (node,) = ready_pool(client, startTask={"commandLine": "echo begun", "waitForSuccess": True})
    client.create_job(job_body())
    run_task(client, commandLine="false")
    since = datetime.now(UTC) - timedelta(hours=1)
    options: dict[str, Any] = {"containerUrl": url, "startTime": since}
    asked = client.upload_node_logs("pool", node.id, options)
    assert asked.number_of_files_uploaded == 3
    folder = asked.virtual_directory_name
    names = [f"{folder}/{name}" for name in ("agent-debug.log", "stderr.txt", "stdout.txt")]
    wait_until(lambda: list(container.list_blob_names(name_starts_with=folder)) == names)
    log = container.download_blob(names[0]).readall().decode()
    for told in (
        "the node is starting",
        "the start task begins: echo begun",
        "the start task has ended: exit code 0\n",
        "the node is idle",
        "task job/task has ended: exit code 1, FailureExitCode:",
    ):
        assert told in log
    options |= {"endTime": since + timedelta(minutes=1)}
    assert client.upload_node_logs("pool", node.id, options).number_of_files_uploaded == 2


IDENTITY = {"identityReference": {"resourceId": "/subscriptions/s/…/userAssignedIdentities/any"}}


def test_a_managed_identity_opens_the_installation_s_own_storage(
    client: BatchClient, start: Any, container: ContainerClient, local_account: LocalAccount
) -> None:
    """A file with an identityReference needs no signature there; elsewhere it is asked for bare."""
    container.upload_blob("in/x.txt", b"by identity")
    name, key = local_account.storage_account, local_account.storage_key
    served = start(
        auto_storage_url=local_account.blob_endpoint,
        auto_storage_sas=account_sas.reading(name, key),
        auto_storage_write_sas=account_sas.writing(name, key),
    )
    files = [
        {"httpUrl": f"{container.url}/in/x.txt", "filePath": "x.txt", **IDENTITY},
        {"storageContainerUrl": container.url, "blobPrefix": "in/", "filePath": "all", **IDENTITY},
    ]
    upload = output(container.url, "y.txt", path="out/y.txt", **IDENTITY)
    with served.client() as own:
        ready_pool(own)
        own.create_job(job_body())
        task = run_task(
            own,
            commandLine="/bin/bash -c 'cat x.txt all/in/x.txt > y.txt'",
            resourceFiles=files,
            outputFiles=[upload],
        )
    assert task.execution_info.result == "success"
    assert "sig=" not in str(task.as_dict())
    assert container.download_blob("out/y.txt").readall() == b"by identityby identity"
    ready_pool(client)
    client.create_job(job_body())
    task = run_task(client, commandLine="true", resourceFiles=files)
    assert task.execution_info.failure_info.code == "BlobAccessDenied"
