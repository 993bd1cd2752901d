"""Secrets are found wherever they stand, and shown nowhere (S-14). All secrets here are made up on the spot."""

import base64
import json
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.codes import Code
from batchspec.language.schema.secrets import find_secrets, hide, spans
from batchspec.render.findings.diagnostics import as_annotations, as_json, as_text
from batchspec.source import Severity

from .front_end import parse

_random = random.Random(14)


def _some(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_random.choice(alphabet) for _ in range(length))


KEY = base64.b64encode(_random.randbytes(64)).decode()
SIGNATURE = (
    base64.b64encode(_random.randbytes(32))
    .decode()
    .replace("+", "%2B")
    .replace("/", "%2F")
    .replace("=", "%3D")
)
CLIENT_SECRET = _some(3) + "8Q~" + _some(34)
TOKEN = f"eyJ{_some(40)}.{_some(60)}.{_some(43)}"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{_some(64)}\n{_some(64)}\n-----END RSA PRIVATE KEY-----"

# what is found, the text around it, the part that must never be seen
FORMS = [
    (Code.ACCOUNT_KEY, KEY, KEY),
    (Code.ACCOUNT_KEY, f"--account-key {KEY}", KEY),
    (
        Code.CONNECTION_STRING,
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=x",
        KEY,
    ),
    (Code.CONNECTION_STRING, f"Endpoint=sb://x/;SharedAccessKey={KEY[:43]}=", KEY[:43]),
    (Code.SAS, f"https://a.blob.core.windows.net/c?sv=2024-11-04&sr=c&sig={SIGNATURE}&sp=r", SIGNATURE),
    (Code.SAS, f"?SIG={SIGNATURE}", SIGNATURE),
    (Code.CLIENT_SECRET, CLIENT_SECRET, CLIENT_SECRET),
    (Code.BEARER_TOKEN, f"Authorization: Bearer {TOKEN}", TOKEN),
    (Code.BEARER_TOKEN, TOKEN, TOKEN),
    (Code.BEARER_TOKEN, f"bearer {_some(30)}", ""),
    (Code.PRIVATE_KEY, PEM, PEM.splitlines()[1]),
    (Code.PRIVATE_KEY, PEM.splitlines()[0] + "\n" + PEM.splitlines()[1], PEM.splitlines()[1]),
]
IDS = [f"{i}-{code.name}" for i, (code, _, _) in enumerate(FORMS)]


def everything_shown(text: str) -> str:
    """All output that a spec with this text can cause, and all findings' own words."""
    found = find_secrets(parse(text))
    assert found, "no finding"
    shown = as_text(found, color=False) + as_annotations(found) + json.dumps(as_json(found))
    return shown + "".join(f"{finding.summary}{finding.label}{finding.helps}" for finding in found)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


@pytest.mark.parametrize(("code", "text", "secret"), FORMS, ids=IDS)
@pytest.mark.parametrize(
    "layout",
    [
        lambda text: f"a: {json.dumps(text)}",
        lambda text: f"a: [x, {{b: {json.dumps(text)}}}]",
        lambda text: f"a: |\n{_indented(text)}",
        lambda text: f"a: >-\n    some words\n\n{_indented(text)}",
        lambda text: f"{json.dumps(text)}: key",
        lambda text: "a: 1\n" + "\n".join(f"# {line}" for line in text.split("\n")),
    ],
    ids=["quoted", "nested", "literal", "folded", "key", "comment"],
)
def test_s14_a_secret_is_found_and_never_shown(layout: object, code: Code, text: str, secret: str) -> None:
    """In any style of YAML, in keys and comments: one kind of finding, and no output has the value."""
    spec = layout(text)  # type: ignore[operator]
    found = find_secrets(parse(spec))
    assert {finding.code for finding in found} == {code.value}
    assert not secret or secret not in everything_shown(spec)


def test_s14_a_secret_written_with_escapes_is_found() -> None:
    """What the value is counts, not how it is written."""
    spec = 'a: "' + "".join(f"\\x{ord(character):02x}" for character in KEY) + '"'
    (finding,) = find_secrets(parse(spec))
    assert (finding.code, finding.path) == (Code.ACCOUNT_KEY.value, ("a",))
    assert f"\\x{ord(KEY[5]):02x}\\x{ord(KEY[6]):02x}" not in everything_shown(spec)


def test_s14_a_secret_has_its_exact_place() -> None:
    """Only the secret is underlined, not the URL around it."""
    (finding,) = find_secrets(parse(f"url: 'https://x/?a=b&sig={SIGNATURE}&c=d'"))
    assert finding.position is not None
    assert (finding.position.column, finding.position.end_column) == (22, 22 + len("sig=") + len(SIGNATURE))


@pytest.mark.parametrize(
    "text",
    [
        "a: {fromEnvironment: AZURE_STORAGE_KEY}",
        "a: AccountKey={{ params.x }}",
        "a: 'sig=short'",
        "a: https://x.blob.core.windows.net/c?design=abcdefghijklmnopqrstuvwxyz",
        f"a: {'a' * 64}",
        "a: sha256:" + "0123456789abcdef" * 4,
        f"a: {KEY[:-2]}",
        "a: -----BEGIN PUBLIC KEY-----",
        "a: /subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/x",
        "params: {bitrate: 192k, token: none, password: change-me, secret: '{{ spec.name }}a1b2c3d4e5f6'}",
        "params: {tokens: 1, token_url: 'https://x/token1234567', key: a1b2c3d4e5f6g7}",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    """Digests, ids, names of environment variables, placeholders and public keys are left alone."""
    assert find_secrets(parse(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "params: {api_key: 8fk2Lq9xVb7Zt3Rw}",
        "a: [{name: DB_PASSWORD, value: 8fk2Lq9xVb7Zt3Rw}]",
        "params: {ClientSecret: 'f81d4fae7dec11d0'}",
    ],
)
def test_a_random_value_under_a_secret_name_is_a_warning(text: str) -> None:
    """It is a guess, so it does not stop anybody; but it is hidden all the same."""
    (finding,) = find_secrets(parse(text))
    assert (finding.code, finding.severity) == (Code.LIKELY_SECRET.value, Severity.WARNING)
    shown = everything_shown(text)
    assert "8fk2" not in shown
    assert "f81d" not in shown


@given(st.text(max_size=40), st.sampled_from(FORMS), st.text(max_size=40))
def test_hidden_text_keeps_everything_else(before: str, form: tuple[Code, str, str], after: str) -> None:
    """What is hidden is what was found; nothing is found in what is left."""
    _, text, secret = form
    hidden = hide(f"{before} {text} {after}")
    assert not secret or secret not in hidden
    assert hidden.startswith(before[: spans(f"{before} {text} {after}")[0].start])
    assert spans(hidden) == []
