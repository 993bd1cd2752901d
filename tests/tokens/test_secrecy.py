"""What is hidden from a text that somebody else wrote, and what is not."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from batchspec import secrecy
from batchspec.errors import RunError
from batchspec.secrecy import keep_secret, without_secrets

KEY = "c2VjcmV0c2VjcmV0c2VjcmV0+/=="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJiYXRjaCJ9.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test keeps secrets of its own."""
    monkeypatch.setattr(secrecy, "_kept", set())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Authorization: SharedKey local:{KEY}", "Authorization: SharedKey local:***"),
        (f"'Authorization': 'SharedKeyLite some:{KEY}'", "'Authorization': 'SharedKeyLite some:***'"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
        (f"AccountName=a;AccountKey={KEY};BlobEndpoint=b", "AccountName=a;AccountKey=***;BlobEndpoint=b"),
        (
            f"The MAC signature found in the HTTP request '{KEY}' is",
            "The MAC signature found in the HTTP request '***' is",
        ),
        ("client_secret=abc~def&scope=x", "client_secret=***&scope=x"),
        (
            '{"access_token": "opaque", "token_type": "Bearer"}',
            '{"access_token": "***", "token_type": "Bearer"}',
        ),
        (f"got {JWT} from Entra", "got *** from Entra"),
        ("https://a/b?sp=r&sig=xyz%3D", "https://a/b?***"),
    ],
)
def test_s15_a_credential_is_known_by_its_form(text: str, shown: str) -> None:
    """Nobody has to say that it is one."""
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "the bearer token was refused",
        "SharedKey is off for this account",
        "set AZURE_BATCH_ACCESS_KEY, or AccountKey in the connection string",
        "eyJ is how a token begins",
    ],
)
def test_s15_words_about_credentials_stay(text: str) -> None:
    """Advice on keys and tokens is no secret."""
    assert without_secrets(text) == text


@pytest.mark.parametrize("value", ['pa"ss\\w+rd/=', "first line\nsecond line"])
def test_s15_a_kept_value_is_hidden_in_every_form(value: str) -> None:
    """As it is, in a URL, in JSON, and in a Python's representation of it."""
    keep_secret(value)
    for form in (value, quote(value, safe=""), json.dumps(value), repr(value), value.splitlines()[-1]):
        assert value.splitlines()[-1] not in without_secrets(f"<{form}>")
        assert "***" in without_secrets(f"<{form}>")


def test_s15_nothing_and_the_very_short_are_not_kept() -> None:
    """A text is not riddled with stars for the sake of a secret that is none."""
    for value in (None, "", "a", "12345"):
        keep_secret(value)
    assert without_secrets("a 12345 b") == "a 12345 b"


def test_s15_an_error_hides_what_was_kept_before() -> None:
    """Its sentence and its help, be they a service's own words."""
    keep_secret("hunter2hunter2")
    error = RunError("PropertyValue: hunter2hunter2", help="not hunter2hunter2")
    assert (str(error), error.help) == ("PropertyValue: ***", "not ***")
