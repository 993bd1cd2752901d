"""What every request meets before its operation: host, identity, version, body; and the headers of every answer."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from azure.batch import BatchClient
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from batchspec.emulator.state.clock import etag, parse_time, time_text

from .conftest import Served, job_body, pool_body, sign
from .steps import refused


def code(answer: Any) -> str:
    return str(answer.json()["code"])


def test_foreign_host_is_refused(served: Served) -> None:
    """S-24: a Host that is not this endpoint's is refused, also with a good signature."""
    for host in ("evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example"):
        answer = served.raw("GET", "/jobs", headers={"Host": host})
        assert (answer.status, code(answer)) == (400, "InvalidHeaderValue")
    port = served.settings.endpoint.rpartition(":")[2]
    assert served.raw("GET", "/jobs", headers={"Host": f"localhost:{port}"}).status == 200


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1"])
def test_any_origin_is_refused(served: Served, origin: str) -> None:
    """S-24: a request of a page in a browser is refused, and no answer allows another origin."""
    answer = served.raw("GET", "/jobs", headers={"Origin": origin})
    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_form_post_is_refused(served: Served) -> None:
    """S-24: a body that is not declared as JSON is not taken."""
    answer = served.raw("POST", "/jobs", b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status == 415


def test_unsigned_and_wrongly_signed(served: Served) -> None:
    """S-25: no request passes unsigned, with another key, another name, or the well-known development key."""
    for headers in (
        {"Authorization": ""},
        {"Authorization": "SharedKey other:AAAA"},
        {"Authorization": "Basic x"},
    ):
        answer = served.raw("GET", "/jobs", headers=headers)
        assert (answer.status, code(answer)) == (403, "AuthenticationFailed")
        assert answer.json()["values"][0]["key"] == "AuthenticationErrorDetail"
    wrong = served.raw("GET", "/jobs", key="AAAA")
    assert (wrong.status, code(wrong)) == (403, "AuthenticationFailed")
    assert served.raw("GET", "/_local/requests", headers={"Authorization": ""}).status == 403


@pytest.mark.parametrize("authorization", ["SharedKey", "SharedKey local", "SharedKey local:%%%"])
def test_malformed_authorization(served: Served, authorization: str) -> None:
    """A header that is no signature is InvalidAuthenticationInfo."""
    answer = served.raw("GET", "/jobs", headers={"Authorization": authorization})
    assert (answer.status, code(answer)) == (400, "InvalidAuthenticationInfo")


@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (-16, 403), (14, 200), (16, 403)])
def test_date_window(served: Served, minutes: int, status: int) -> None:
    """A request is taken within fifteen minutes of its date."""
    moment = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    assert served.raw("GET", "/jobs", headers={"ocp-date": moment}).status == status


def test_a_changed_request_is_refused(served: Served) -> None:
    """The signature covers path and query."""
    signed = served.raw("GET", "/jobs", query="api-version=2025-06-01&maxresults=1")
    assert signed.status == 200
    host = served.settings.endpoint.partition("//")[2]
    dated = {"host": host, "ocp-date": format_datetime(datetime.now(UTC), usegmt=True)}
    headers = dated | sign(served.settings, "GET", "/jobs", "api-version=2025-06-01", dated)
    assert served.raw("GET", "/jobs", headers=headers).status == 200
    for path, query in (
        ("/pools", "api-version=2025-06-01"),
        ("/jobs", "api-version=2025-06-01&maxresults=1"),
    ):
        assert served.raw("GET", path, query=query, headers=headers).status == 403


def test_only_loopback_is_bound(served: Served) -> None:
    """S-23: from another of the machine's addresses there is nothing to connect to."""
    port = int(served.settings.endpoint.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):  # noqa: PT011
        pass


def test_versions(served: Served) -> None:
    """A missing version and an unknown one are refused by name; older ones that clients send are taken."""
    missing = served.raw("GET", "/jobs", query="")
    assert (missing.status, code(missing)) == (400, "MissingRequiredQueryParameter")
    unknown = served.raw("GET", "/jobs", query="api-version=2031-01-01")
    assert (unknown.status, code(unknown)) == (400, "UnsupportedRequestVersion")
    for version in ("2024-07-01.20.0", "2024-02-01.19.0", "2023-11-01.18.0"):
        assert served.raw("GET", "/jobs", query=f"api-version={version}").status == 200


def test_retired_properties(served: Served) -> None:
    """What a version has retired is refused by it, and told to the older ones that sent it."""
    body = pool_body(targetDedicatedNodes=0, targetNodeCommunicationMode="classic")
    assert code(served.raw("POST", "/pools", body)) == "InvalidRequestBody"
    old = "api-version=2024-07-01.20.0"
    assert served.raw("POST", "/pools", body, query=old).status == 201
    assert served.raw("GET", "/pools/pool", query=old).json()["targetNodeCommunicationMode"] == "classic"
    assert "jobDefaultOrder" not in served.raw("GET", "/pools/pool", query=old).json()["taskSchedulingPolicy"]
    assert "targetNodeCommunicationMode" not in served.raw("GET", "/pools/pool").json()


def test_unknown_paths_and_verbs(served: Served) -> None:
    """A path that is none is 404, a verb that a path does not have is 405."""
    assert code(served.raw("GET", "/nothing")) == "ResourceNotFound"
    verb = served.raw("PUT", "/jobs", {})
    assert (verb.status, code(verb)) == (405, "UnsupportedHttpVerb")


def test_headers_of_answers(served: Served) -> None:
    """Answers carry the service's headers; the client's own id comes back only when it asks for it."""
    answer = served.raw("GET", "/jobs", headers={"client-request-id": "abc"})
    assert answer.headers["dataserviceversion"] == "3.0"
    assert answer.headers["server"] == "Microsoft-HTTPAPI/2.0"
    assert answer.headers["content-type"] == "application/json; odata=minimalmetadata"
    assert len(answer.headers["request-id"]) == 36
    assert "client-request-id" not in answer.headers
    asked = {"client-request-id": "abc", "return-client-request-id": "true"}
    assert served.raw("GET", "/jobs", headers=asked).headers["client-request-id"] == "abc"


def test_headers_of_changes(served: Served) -> None:
    """A creation tells ETag, Last-Modified, Location and DataServiceId; a deletion none of them; neither has a body."""
    made = served.raw("POST", "/jobs", job_body())
    assert (made.status, made.body) == (201, b"")
    assert made.headers["etag"].startswith("0x8D")
    assert made.headers["dataserviceid"] == f"{served.settings.endpoint}/jobs/job-1"
    assert "content-type" not in made.headers
    gone = served.raw("DELETE", "/jobs/job")
    assert (gone.status, gone.body) == (202, b"")
    assert "etag" not in gone.headers


def test_head_errors_have_no_body(served: Served) -> None:
    """HEAD of a pool that is not there is 404 without a body."""
    answer = served.raw("HEAD", "/pools/none")
    assert (answer.status, answer.body) == (404, b"")


def test_times_and_etags(served: Served) -> None:
    """Times have up to seven digits without trailing zeros, and the ETag is made of lastModified."""
    served.raw("POST", "/jobs", job_body())
    job = served.raw("GET", "/jobs/job").json()
    assert job["eTag"] == etag(parse_time(job["lastModified"]))
    assert time_text(parse_time("2026-01-22T21:43:18.5763020Z")) == "2026-01-22T21:43:18.576302Z"
    assert time_text(parse_time("2026-01-22T21:43:18Z")) == "2026-01-22T21:43:18Z"


@pytest.mark.parametrize(
    ("body", "expected", "status"),
    [
        (b"", "InvalidRequestBody", 400),
        (b"{", "InvalidRequestBody", 400),
        (b"[]", "InvalidRequestBody", 400),
        ({"id": "j", "poolInfo": {"poolId": "p"}, "nonsense": 1}, "InvalidRequestBody", 400),
        ({"id": "j", "poolInfo": {"poolId": 5}}, "InvalidRequestBody", 400),
        ({"id": "j", "poolInfo": {"poolId": "p"}, "priority": "high"}, "InvalidRequestBody", 400),
        ({"id": "j", "poolInfo": {"poolId": "p"}, "priority": 1001}, "InvalidPropertyValue", 400),
        (
            {"id": "j", "poolInfo": {"poolId": "p"}, "onAllTasksComplete": "never"},
            "InvalidPropertyValue",
            400,
        ),
        ({"id": "j"}, "MissingRequiredProperty", 400),
        ({"id": "a b", "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue", 400),
        ({"id": "x" * 65, "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue", 400),
        (
            {"id": "j", "poolInfo": {"poolId": "p"}, "metadata": [{"name": "", "value": "x"}]},
            "EmptyMetadataKey",
            400,
        ),
        (
            {"id": "j", "poolInfo": {"poolId": "p"}, "constraints": {"maxWallClockTime": "1h"}},
            "InvalidRequestBody",
            400,
        ),
        ({"id": "j", "poolInfo": {}}, "InvalidPropertyValue", 400),
        (
            {"id": "j", "poolInfo": {"poolId": "p"}, "jobReleaseTask": {"commandLine": "x"}},
            "InvalidPropertyValue",
            400,
        ),
    ],
)
def test_bad_bodies(served: Served, body: Any, expected: str, status: int) -> None:
    """A body that the service would refuse is refused, with its code."""
    answer = served.raw("POST", "/jobs", body)
    assert (answer.status, code(answer)) == (status, expected)
    assert served.raw("GET", "/jobs").json()["value"] == []


def test_enum_values_in_any_case(served: Served) -> None:
    """Enum values are taken in any case and come back in the service's, some of them capitalised."""
    body = pool_body(targetDedicatedNodes=0, taskSchedulingPolicy={"nodeFillType": "PACK"})
    served.raw("POST", "/pools", body)
    assert served.raw("GET", "/pools/pool").json()["taskSchedulingPolicy"]["nodeFillType"] == "Pack"


@pytest.mark.parametrize(("size", "expected"), [("0", 400), ("1001", 400), ("x", 400), ("1000", 200)])
def test_page_sizes(served: Served, size: str, expected: int) -> None:
    """maxresults is 1 to 1000."""
    assert served.raw("GET", "/jobs", query=f"api-version=2025-06-01&maxresults={size}").status == expected


def test_time_out_is_signed_either_way(served: Served) -> None:
    """The SDK signs `timeOut` as it is written, the reference says lower-cased: both pass."""
    with served.client() as client:
        assert list(client.list_jobs(service_timeout=45)) == []


def test_request_log_tells_no_secret(served: Served) -> None:
    """The log has method, path and status of each request, and nothing that is secret."""
    served.raw("GET", "/jobs", query="api-version=2025-06-01&sig=SECRET")
    entries = served.control("GET", "/_local/requests", query="since=0")["value"]
    found = [(entry["n"], entry["method"], entry["path"], entry["status"]) for entry in entries]
    assert found[-1] == (len(found), "GET", "/jobs", 200)
    log = (Path(served.settings.home) / "logs" / "requests.jsonl").read_text()
    assert "SECRET" not in log
    assert "SharedKey" not in log
    assert (
        served.control("GET", "/_local/requests", query=f"since={len(found)}")["value"][0]["path"]
        == "/_local/requests"
    )


def test_faults_on_demand(served: Served) -> None:
    """A test can ask for the next answers of an operation, with Retry-After."""
    fault = {"operation": "list_jobs", "status": 429, "code": "TooManyRequests", "times": 1, "retryAfter": 0}
    served.control("POST", "/_local/faults", fault)
    with served.client() as client:
        assert refused(list, client.list_jobs()).status_code == 429
        assert list(client.list_jobs()) == []


# --- bearer tokens


def test_tokens_are_off_without_an_issuer(served: Served) -> None:
    """A bearer token is 401 with a challenge where no issuer's key was given."""
    answer = served.raw("GET", "/jobs", headers={"Authorization": "Bearer x"})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_tokens_over_tls(
    start: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an issuer's key, over TLS, a token passes by its signature, audience and expiry."""
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    served = start(tls=certificate, issuer_public_key=public.decode())
    now = int(time.time())

    def listing(signer: Any, **claims: Any) -> int:
        payload = {"aud": "https://batch.core.windows.net/", "exp": now + 60, **claims}

        class Credential:
            def get_token(self, *_: str, **__: Any) -> AccessToken:
                return AccessToken(jwt.encode(payload, signer, "RS256"), now + 3600)

        with BatchClient(served.settings.endpoint, Credential(), retry_total=0) as client:  # type: ignore[arg-type]
            try:
                list(client.list_jobs())
            except Exception as error:
                return int(getattr(error, "status_code", 0))
        return 200

    assert listing(key) == 200
    assert listing(other) == 401
    assert listing(key, aud="https://management.azure.com/") == 401
    assert listing(key, exp=now - 60) == 401
