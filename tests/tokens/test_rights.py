"""Every token that is sent is as weak as it can be (S-17, R-29): taken off the wire, whatever request it is in."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from main_job.wire import Wire
from main_job.workload import Workload

from batchspec.resources.links import LINK_LIFE
from batchspec.service.blob.blobs import BlobStorage

KEY = "a2V5" * 16
INPUT, OUTPUT = ("b", "r"), ("c", "cw")


class Token(NamedTuple):
    """A signed URL that went over the wire, and what it says of itself."""

    path: str
    says: dict[str, str]

    @property
    def rights(self) -> tuple[str, str]:
        return self.says["sr"], "".join(sorted(self.says["sp"]))


def tokens(wire: Wire) -> list[Token]:
    """All signed URLs in targets and bodies of requests, in whatever field."""
    texts = [text for target, body in wire.sent for text in (target, body.decode("utf-8", "replace"))]
    urls = [
        json.loads(f'"{url}"')
        for text in texts
        for url in re.findall(r"https?://[^\s\"]+sig(?:=|%3D)[^\s\"]*", text)
    ]
    return [token_of(url) for url in urls]


def token_of(url: str) -> Token:
    parts = urlsplit(url)
    return Token(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})


@pytest.fixture
def sent(bare: Workload, wire: Wire) -> list[Token]:
    """The tokens of the whole main job, with the account's key."""
    bare.copy_sample()
    bare.apply(env=wire.environment)
    assert len(bare.downloaded()) == 5
    return tokens(wire)


def test_s17_every_token_of_the_main_job_has_the_least_rights(sent: list[Token], bare: Workload) -> None:
    """One for each clip reads that blob; the others create and write in the output container; there are no more."""
    names = [bare.stored(f"LowPriVMs-{number}.mp4") for number in range(1, 6)]
    clips = {f"/batchspeclocal/input/{bare.name}/{name}" for name in names}
    assert {token.path for token in sent if token.rights == INPUT} == clips
    assert {token.path for token in sent if token.rights == OUTPUT} == {"/batchspeclocal/output"}
    assert sorted(token.rights for token in sent) == [INPUT] * 5 + [OUTPUT] * 15
    assert not any({"ss", "srt", "sip", "si"} & token.says.keys() for token in sent)


def test_s17_r29_every_token_ends_and_has_begun(sent: list[Token]) -> None:
    """None is for ever: each began a quarter of an hour ago, for clocks that differ, and ends in a week."""
    now = datetime.now(UTC)
    for token in sent:
        begins, ends = (datetime.fromisoformat(token.says[name]) for name in ("st", "se"))
        assert now - timedelta(hours=1) < begins < now - timedelta(minutes=14)
        assert ends - begins == LINK_LIFE


def test_s17_plain_http_is_for_this_machine_only(sent: list[Token]) -> None:
    """A token may travel without TLS to the local account, which has none, and nowhere else."""
    assert {token.says["spr"] for token in sent} == {"https,http"}
    text = f"DefaultEndpointsProtocol=https;AccountName=some;AccountKey={KEY};EndpointSuffix=core.windows.net"
    blobs = BlobStorage.from_connection_string(text)
    found = [token_of(url) for url in (blobs.read_url("input", "a.mp4"), blobs.write_url("output"))]
    blobs.close()
    assert [(token.rights, token.says["spr"]) for token in found] == [(INPUT, "https"), (OUTPUT, "https")]


def test_s17_another_machine_s_plain_http_is_not_trusted_with_a_token() -> None:
    """A storage endpoint that is neither https nor this machine gets tokens for https alone."""
    blobs = BlobStorage.from_connection_string(
        f"DefaultEndpointsProtocol=http;AccountName=some;AccountKey={KEY};BlobEndpoint=http://storage.example/some"
    )
    found = token_of(blobs.read_url("input", "a.mp4"))
    blobs.close()
    assert found.says["spr"] == "https"
