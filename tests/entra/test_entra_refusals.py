"""Tokens that are no good, and none at all: refused by the endpoints, and said in words that help."""

from __future__ import annotations

from collections.abc import Callable

import jwt
import pytest
import requests

from entra.endpoints import Endpoints
from entra.issuer import BATCH, STORAGE, Identity, Issuer
from entra.workload import Workload

Make = Callable[[Issuer, str], str]

SIGN_IN = (
    "  help: check the AZURE_BATCH_… and AZURE_STORAGE_… variables, or sign in with `az login` and see that the "
    "account has the role Azure Batch Data Contributor (Storage Blob Data Contributor for the blobs)"
)


def wrong_audience(issuer: Issuer, audience: str) -> str:
    return issuer.token("https://vault.azure.net")


def expired(issuer: Issuer, audience: str) -> str:
    return issuer.expired(audience)


def wrong_signature(issuer: Issuer, audience: str) -> str:
    """Another key's, with the same claims."""
    return Issuer(tenant=issuer.tenant, person=issuer.person).token(audience)


def unsigned(issuer: Issuer, audience: str) -> str:
    """Its header says that it needs no signature."""
    return jwt.encode({"aud": audience, "exp": 2**31}, None, "none")


BAD: dict[Make, str] = {
    wrong_audience: "Audience doesn't match",
    expired: "Signature has expired",
    wrong_signature: "Signature verification failed",
    unsigned: "The specified alg value is not allowed",
}
of_all = pytest.mark.parametrize("bad", BAD, ids=lambda make: make.__name__)


@of_all
def test_batch_refuses_the_token(endpoints: Endpoints, bad: Make) -> None:
    """The Batch endpoint answers 401, with its challenge, to a token that is not for it, or not its issuer's."""
    answer = requests.get(
        f"{endpoints.batch}/jobs?api-version=2025-06-01",
        headers={"Authorization": f"Bearer {bad(endpoints.issuer, BATCH)}"},
        verify=str(endpoints.authority),
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer authorization_uri="{endpoints.batch}", resource_id="{BATCH}"'
    )


@of_all
def test_a_token_that_batch_refuses_ends_with_77(
    endpoints: Endpoints, workload: Workload, signed_in: Identity, bad: Make
) -> None:
    """The command says what Batch said of the token, and what to look at."""
    signed_in.issue = _bad_for(BATCH, bad, endpoints.issuer)
    ended = workload.run("apply", environment={**endpoints.environment, **signed_in.environment})
    assert (ended.code, ended.err.splitlines()) == (
        77,
        [
            "Azure Batch account: localhost (localhost)",
            "error: could not list the jobs: Server failed to authenticate the request. Make sure the value of "
            "Authorization header is formed correctly including the signature. [AuthenticationErrorDetail: "
            f"The token is not valid: {BAD[bad]}] (AuthenticationFailed)",
            SIGN_IN,
        ],
    )


@pytest.mark.parametrize("bad", [wrong_audience, expired], ids=lambda make: make.__name__)
def test_a_token_that_storage_refuses_ends_with_77(
    endpoints: Endpoints, workload: Workload, signed_in: Identity, bad: Make
) -> None:
    """The same where Batch lets it in and Storage does not; of signatures, Azurite checks none."""
    signed_in.issue = _bad_for(STORAGE, bad, endpoints.issuer)
    ended = workload.run("apply", environment={**endpoints.environment, **signed_in.environment})
    assert (ended.code, ended.err.splitlines()) == (
        77,
        [
            "Azure Batch account: localhost (localhost)",
            "error: could not list the blobs of output: Server failed to authenticate the request. Make sure the "
            "value of the Authorization header is formed correctly including the signature. (AuthenticationFailed)",
            SIGN_IN,
        ],
    )


def _bad_for(service: str, bad: Make, issuer: Issuer) -> Callable[[str], str]:
    """Good tokens, but bad ones for *service*."""
    return lambda audience: (bad if audience.rstrip("/") == service.rstrip("/") else Issuer.token)(
        issuer, audience
    )


def test_nobody_signed_in_ends_with_77(endpoints: Endpoints, workload: Workload) -> None:
    """Without a key and without any way to sign in, every way that was tried is listed, once, and what to do."""
    ended = workload.run("apply", environment={**endpoints.environment, **_NOT_ON_AZURE})
    account, first, *tried, help_ = ended.err.splitlines()
    assert ended.code == 77
    assert account == "Azure Batch account: localhost (localhost)"
    assert first == "error: not signed in to Azure"
    assert help_ == (
        "  help: sign in with `az login`; or set the variables of a service principal (AZURE_TENANT_ID, "
        "AZURE_CLIENT_ID, AZURE_CLIENT_SECRET); or set the keys (AZURE_BATCH_ACCESS_KEY, AZURE_STORAGE_KEY)"
    )
    names = [line.strip().partition(":")[0] for line in tried]
    assert {"EnvironmentCredential", "ManagedIdentityCredential", "AzureCliCredential"} <= set(names)
    assert len(names) == len(set(names))


# Where tests run on a machine of Azure, the machine's own identity must not answer: this port is never open.
_NOT_ON_AZURE = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1"}


@pytest.mark.parametrize("variable", ["AZURE_BATCH_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"])
def test_no_token_goes_out_without_tls(
    endpoints: Endpoints, workload: Workload, signed_in: Identity, variable: str
) -> None:
    """An endpoint that is plain http and has no key is refused before any token is asked for."""
    environment = {**endpoints.environment, **signed_in.environment}
    environment[variable] = environment[variable].replace("https://", "http://")
    ended = workload.run("apply", environment=environment)
    assert (ended.code, ended.err.splitlines()) == (
        77,
        [
            f"error: {variable} is not https, and without TLS no token is sent to it",
            "  help: use its https address, or set the account's key: AZURE_BATCH_ACCESS_KEY, AZURE_STORAGE_KEY",
        ],
    )
    assert signed_in.asked == []


def test_an_unknown_authority_is_not_trusted(
    endpoints: Endpoints, workload: Workload, signed_in: Identity
) -> None:
    """Without the authority's certificate nothing is sent, and the command says so without trying for long."""
    trusting = {**endpoints.environment, **signed_in.environment}
    environment = {name: value for name, value in trusting.items() if name not in endpoints.trust}
    ended = workload.run("apply", environment=environment)
    assert (ended.code, ended.err.splitlines()) == (
        1,
        [
            "Azure Batch account: localhost (localhost)",
            f"error: the certificate of {endpoints.batch.removeprefix('https://')} is not trusted by this machine",
            "  help: where a proxy opens TLS, name the file with its authority's certificate in REQUESTS_CA_BUNDLE",
        ],
    )
