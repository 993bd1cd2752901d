"""What is fast gives what the slow way gives: the SDK's links and listings, rendered bodies."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.bodies import fold
from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.bodies.fold import Bodies
from batchspec.desired.expansion.expand import expand
from batchspec.desired.task import DesiredTask, Input
from batchspec.document.parser import parse
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.resources.blob import LiveBlob
from batchspec.resources.task import task_id
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source
from tests.bench import submission, workload

KEY = "a2V5" * 16
STORAGE = (
    f"DefaultEndpointsProtocol=http;AccountName=some;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/some;"
)


@pytest.mark.parametrize("name", ["a/b.mp4", "a b/c~d.mp4", "ü/%41+&?#.mp4", "'()*!,;:@=$", "n" * 1000])
def test_a_link_is_the_one_the_sdk_makes(name: str) -> None:
    """A link to read a blob is, byte for byte, the SDK's own for the same bounds, whatever the name."""
    blobs = BlobStorage.from_connection_string(STORAGE)
    found = blobs.read_url("input", name)
    blobs.close()
    bounds = parse_qs(urlsplit(found).query)
    token = generate_blob_sas(
        "some",
        "input",
        name,
        account_key=KEY,
        permission=BlobSasPermissions(read=True),
        start=datetime.fromisoformat(bounds["st"][0]),
        expiry=datetime.fromisoformat(bounds["se"][0]),
        protocol=bounds["spr"][0],
    )
    with BlobServiceClient.from_connection_string(STORAGE) as service:
        assert found == f"{service.get_blob_client('input', name).url}?{token}"


def test_the_sdk_is_timed_with_the_task_that_batchspec_sends() -> None:
    """Field by field, and each value about as long: neither side of the benchmark has less to send."""
    spec = workload.spec_of(workload.FROM_BLOBS)
    (task,) = expand(spec, Readable({"audio": workload.made_up_inputs(1)})).tasks
    link = "http://127.0.0.1:10000/stubaccount/input/bench/clips/0000/clip-0000000.mp4?" + "s" * 160
    ours = json.loads(
        Bodies(spec, "http://127.0.0.1:10000/stubaccount/output?" + "s" * 160).json(task, task.id, link)
    )
    theirs = submission.model(0).as_dict(exclude_readonly=True)
    assert list(_lengths(theirs)) == [
        (path, pytest.approx(length, abs=25)) for path, length in _lengths(ours)
    ]


def _lengths(value: Any, path: str = "") -> Iterator[tuple[str, int]]:
    """How long each text within *value* is, and where it stands."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _lengths(value[key], f"{path}.{key}")
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _lengths(member, f"{path}.{number}")
    else:
        yield path, len(str(value))


NAMES = [
    "clip.mp4",
    "a/b/clip-1.mp4",
    "a b/c d.mp4",
    "it's.mp4",
    "ü/ä.mp4",
    "none",
    ".hidden",
    "a$HOME/`id`;x.mp4",
    "MARKidMARK.mp4",
    "n" * 900 + ".mp4",
]
TEMPLATES = {
    "words": 'command: [run, "{{ input.path }}", "--of={{ input.stem }}{{ input.suffix }}", "{{ params.p }}"]',
    "script": "command: run {{ input.folder }} {{ input.name }} {{ input.size }} > {{ output.path }}",
    "line": 'commandLine: "run {{ input.name }} {{ output.path }}"',
    "filtered": 'command: [run, "{{ input.name | upper }}", "{{ input.size + 1 }}"]',
    "constant": 'command: [run, "MARKidMARK", "7310058200469"]',
}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("param", ["plain", "it's $(not) plain"])
@pytest.mark.parametrize("output", ['output: "{{ input.stem }}.out"', ""])
def test_folded_is_rendered(template: str, param: str, output: str) -> None:
    """A body whose group was folded is the one that rendering gives, whatever the input's name."""
    if not output and "output.path" in TEMPLATES[template]:
        pytest.skip("there is no output")
    spec = spec_of(template, param, output)
    plain = [Input(f"plain/clip-{n}.mp4", "input", f"s/plain/clip-{n}.mp4", n, "0" * 32) for n in range(5)]
    inputs = [*plain, *(Input(name, "input", f"s/{name}", 7, "1" * 32) for name in NAMES)]
    bodies = Bodies(spec, "http://host/output?sig=x%2B")
    for task in expand(spec, Readable({"work": inputs})).tasks:
        link = f"http://host/{task.input.blob}?sig=%3D" if task.input else None
        id = task_id(task.key, task.work)
        found = json.loads(bodies.json(task, id, link))
        assert found == task_body(spec, task, id, Links(link, "http://host/output?sig=x%2B"))


def test_an_ordinary_group_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many tasks the first three are rendered, to be compared; the names that people see are no reason for more."""
    rendered: list[str] = []

    def rendering(spec: Spec, task: DesiredTask, id: str, links: Links) -> Mapping[str, Any]:
        rendered.append(task.name)
        return task_body(spec, task, id, links)

    monkeypatch.setattr(fold, "task_body", rendering)
    inputs = [Input(f"{n}.mp4", "input", f"bench/clips/{n}.mp4", n, "0" * 32) for n in range(9)]
    spec = workload.spec_of(workload.FROM_BLOBS)
    bodies = Bodies(spec, "http://host/output?sig=x%2B")
    for task in expand(spec, Readable({"audio": inputs})).tasks:
        bodies.json(task, task_id(task.key, task.work), "http://host/blob?sig=%3D")
    assert rendered == ["audio/0.mp4", "audio/1.mp4", "audio/2.mp4"]


def spec_of(template: str, param: str, output: str) -> Spec:
    text = f"""\
version: 1
name: s
params: {{p: {json.dumps(param)}}}
pool: {{existing: p}}
job: {{id: j}}
tasks:
  work:
    inputs: {{container: input, prefix: s/}}
    {TEMPLATES[template]}
    {output}
    displayName: "of {{{{ input.name }}}}"
    environmentSettings: [{{name: SIZE, value: "{{{{ input.size }}}} {{{{ params.p }}}}"}}]
"""
    return build(parse(Source("s.yaml", text)), {})


def test_blobs_are_listed_as_the_sdk_lists_them(local_account: LocalAccount, tmp_path: Path) -> None:
    """Names, sizes, MD5s, ETags and metadata are the SDK's, for any name, and below the prefix only."""
    container = f"fast-{token_hex(4)}"
    blobs = BlobStorage.from_connection_string(local_account.connection_string)
    blobs.ensure_container(container)
    file = tmp_path / "file"
    for name in ("s/a b.mp4", "s/ü/&<>'\".mp4", "s/%41+?#.mp4", "s/e", "other/x"):
        file.write_bytes(b"" if name == "s/e" else name.encode())
        md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        blobs.upload(container, name, file, md5, {"batchspec_spec": "s"}, lambda _: None)
    found = {blob.name: blob for blob in blobs.list(container, "s/")}
    blobs.close()
    with BlobServiceClient.from_connection_string(local_account.connection_string) as service:
        listed = list(service.get_container_client(container).list_blobs("s/", include=["metadata"]))
    assert len(found) == len(listed) == 4
    for blob in listed:
        kept = LiveBlob(
            blob.name,
            blob.size,
            bytes(blob.content_settings.content_md5).hex(),
            str(blob.etag).strip('"'),
            dict(blob.metadata),
        )
        assert found[blob.name] == kept
