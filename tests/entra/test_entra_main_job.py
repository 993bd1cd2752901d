"""The whole main job with bearer tokens over TLS, as on Azure with Entra: no account key anywhere."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.core.credentials import AccessToken

from batchspec.service.batch.client import Batch, path_of
from batchspec.service.blob import blobs
from batchspec.service.blob.blobs import BlobStorage
from entra.endpoints import Endpoints
from entra.issuer import BATCH, STORAGE, Identity, Issuer, identity
from entra.workload import Ended, Workload, copy_main_job

CLIPS = [f"LowPriVMs-{number}" for number in range(1, 6)]
LONGEST_LIFE = timedelta(days=7)  # of a user delegation key, and so of all that is signed with it


@dataclass(frozen=True)
class Applied:
    """The main job after `apply`, and what its tasks were told."""

    workload: Workload
    environment: Mapping[str, str]
    identity: Identity
    ended: Ended
    tasks: list[dict[str, Any]]

    @property
    def input_urls(self) -> list[str]:
        return [file["httpUrl"] for task in self.tasks for file in task["resourceFiles"]]

    @property
    def output_urls(self) -> list[str]:
        outputs = [file for task in self.tasks for file in task["outputFiles"]]
        return [file["destination"]["container"]["containerUrl"] for file in outputs]


@pytest.fixture(scope="module")
def applied(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """The main job, applied once for all that is asked of it here."""
    workload = copy_main_job(tmp_path_factory.mktemp("applied"))
    with identity(endpoints.issuer.token) as signed_in:
        environment = {**endpoints.environment, **signed_in.environment}
        ended = workload.run("apply", environment=environment)
        yield Applied(workload, environment, signed_in, ended, tasks_of(endpoints, workload.job_id))


@dataclass(frozen=True)
class Token:
    """A token credential, as the SDKs take one, for one service."""

    issuer: Issuer
    audience: str

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self.issuer.token(self.audience), int(time.time()) + 600)


def tasks_of(endpoints: Endpoints, job_id: str) -> list[dict[str, Any]]:
    """Every task of the job, as the Batch API shows it."""
    batch = Batch(endpoints.batch, Token(endpoints.issuer, BATCH))
    try:
        return list(batch.items(path_of("jobs", job_id, "tasks"), doing="read the tasks"))
    finally:
        batch.close()


def rights(url: str) -> dict[str, str]:
    """The fields of the URL's SAS."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_main_job_runs_with_tokens_over_tls(applied: Applied) -> None:
    """All five clips become MP3 files at home, and no account key was in the environment."""
    assert applied.ended.code == 0, applied.ended.err
    assert sorted(path.stem for path in applied.workload.outputs.rglob("*.mp3")) == CLIPS
    assert all(path.stat().st_size > 1000 for path in applied.workload.outputs.rglob("*.mp3"))
    assert not [name for name in applied.environment if "KEY" in name or "CONNECTION_STRING" in name]


def test_tokens_are_asked_for_both_services_and_nothing_else(applied: Applied) -> None:
    """The managed identity was asked for a token of Batch and one of Storage, through `DefaultAzureCredential`."""
    assert {audience.rstrip("/") for audience in applied.identity.asked} == {BATCH.rstrip("/"), STORAGE}


def test_apply_again_has_nothing_to_do(applied: Applied) -> None:
    """A second apply finds, by tokens alone, that all is there."""
    again = applied.workload.run("apply", environment=applied.environment)
    assert (again.code, again.out.splitlines()[-1]) == (0, "No changes: 5 tasks up to date."), again.err


def test_s17_links_are_signed_by_the_person_and_not_by_the_account(
    applied: Applied, endpoints: Endpoints
) -> None:
    """Every link in a task is a user delegation SAS of the person who signed in, for blobs only."""
    issuer = endpoints.issuer
    assert len(applied.input_urls) == 5
    assert len(applied.output_urls) == 15
    for url in applied.input_urls + applied.output_urls:
        found = rights(url)
        assert (found["skoid"], found["sktid"], found["sks"]) == (issuer.person, issuer.tenant, "b")


def test_s17_links_have_the_least_rights(applied: Applied) -> None:
    """An input's link reads that one blob; an output's creates and writes in its container."""
    assert {(rights(url)["sr"], rights(url)["sp"]) for url in applied.input_urls} == {("b", "r")}
    assert {(rights(url)["sr"], "".join(sorted(rights(url)["sp"]))) for url in applied.output_urls} == {
        ("c", "cw")
    }


def test_s17_links_are_for_https_and_end(applied: Applied) -> None:
    """Links go over https only, begin in the past, and end within seven days, not after the key that signed them."""
    for url in applied.input_urls + applied.output_urls:
        found = rights(url)
        assert (urlsplit(url).scheme, found["spr"]) == ("https", "https")
        start, end = datetime.fromisoformat(found["st"]), datetime.fromisoformat(found["se"])
        now = datetime.now(start.tzinfo)
        assert start < now < end <= start + LONGEST_LIFE
        assert end <= datetime.fromisoformat(found["ske"])


def test_s17_the_links_can_do_no_more_than_they_say(applied: Applied, endpoints: Endpoints) -> None:
    """Storage lets an input's link read, and refuses to write, delete or list by it or by an output's."""
    source, target = applied.input_urls[0], applied.output_urls[0]
    container, _, signature = target.partition("?")
    made = f"{container}/{applied.workload.name}/clips/{CLIPS[0]}.mp3?{signature}"
    others = f"{container.rpartition('/')[0]}/input?{signature}"
    block = {"x-ms-blob-type": "BlockBlob"}
    with requests.Session() as session:
        session.verify = str(endpoints.authority)

        def status(method: str, url: str, headers: Mapping[str, str] | None = None) -> int:
            return session.request(method, url, headers=headers).status_code

        assert status("GET", source) == 200
        assert status("PUT", source, block) == 403
        assert status("DELETE", source) == 403
        assert status("GET", source.partition("?")[0]) == 403
        assert status("GET", made) == 403
        assert status("DELETE", made) == 403
        assert status("GET", f"{target}&restype=container&comp=list") == 403
        assert status("GET", f"{others}&restype=container&comp=list") == 403


def test_a_long_run_takes_a_new_key(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links made hours apart are signed by different keys; those of one hour share one and end with it."""
    account = BlobStorage.from_account(endpoints.blob, Token(endpoints.issuer, STORAGE))
    first, second = (rights(account.read_url("input", "clip.mp4")) for _ in range(2))
    monkeypatch.setattr(blobs, "datetime", _Later)
    account._signers.clear()  # kept for a minute by another clock
    third = rights(account.read_url("input", "clip.mp4"))
    account.close()
    assert first["ske"] == second["ske"] == first["se"]
    assert third["ske"] == third["se"] > first["ske"]


class _Later(datetime):
    """The clock two hours on."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(hours=2)


def test_no_signature_and_no_token_is_said_or_left_behind(applied: Applied) -> None:
    """Neither what apply says nor a file it leaves holds a SAS, a token or the identity's secret."""
    files = (path for path in applied.workload.folder.rglob("*") if path.is_file())
    written = [path.read_bytes().decode(errors="replace") for path in files]
    for text in (applied.ended.out, applied.ended.err, *written):
        assert "sig=" not in text
        assert "eyJ" not in text
        assert applied.identity.secret not in text


@pytest.mark.parametrize(
    "words", [("plan",), ("status",), ("drift",), ("apply",), ("download",), ("destroy",)]
)
def test_s15_debug_logs_have_no_token(applied: Applied, words: tuple[str, ...]) -> None:
    """With -vv, azure-identity, azure-core and urllib3 say all they know, and neither token nor secret is in it."""
    ended = applied.workload.run("-vv", *words, environment=applied.environment)
    assert ended.code in (0, 4)
    assert "DEBUG" in ended.err
    for text in (ended.out, ended.err):
        assert not re.search(r"sig=(?!\*)", text)
        assert "eyJ" not in text
        assert applied.identity.secret not in text
