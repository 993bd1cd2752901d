"""Who may ask: SharedKey on every request, bearer tokens only with an issuer's key and over TLS.

Source: "Authenticate requests to the Azure Batch service" in the REST reference, and the SDK's own signing policy,
which differs from it in one point: the names of query parameters are not lower-cased. Both are taken.
"""

import base64
import binascii
import hashlib
import hmac
import itertools
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

import jwt

from batchspec.emulator.state.clock import EPOCH, TICKS_PER_S
from batchspec.emulator.state.errors import ApiError

_WINDOW = 15 * 60 * TICKS_PER_S
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def require_shared_key(
    account: str, key: str, method: str, path: str, query: str, headers: Mapping[str, str], now: int
) -> None:
    """`ApiError` unless the request is signed with the key, within 15 minutes. *path* is as it came, still encoded."""
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    name, _, signature = credential.strip().partition(":")
    if scheme.lower() != "sharedkey":
        raise refused("The Authorization header is missing or its scheme is not supported.")
    if not signature:
        raise ApiError("InvalidAuthenticationInfo")
    if not hmac.compare_digest(name.encode(), account.encode()):
        raise refused("The account named in the Authorization header is not this account.")
    _require_recent(headers, now)
    try:
        given = base64.b64decode(signature, validate=True)
    except binascii.Error:
        raise ApiError("InvalidAuthenticationInfo") from None
    secret = base64.b64decode(key)
    good = False
    for length, lower in itertools.product(_lengths(headers), (False, True)):
        signed = headers if length is None else {**headers, "content-length": length}
        text = string_to_sign(account, method, path, query, signed, lower=lower)
        good |= hmac.compare_digest(hmac.digest(secret, text.encode(), hashlib.sha256), given)
    if not good:
        raise refused(
            "The MAC signature found in the HTTP request is not the same as any computed signature."
        )


def _lengths(headers: Mapping[str, str]) -> tuple[str | None, ...]:
    """What may stand signed as Content-Length: without a body, clients sign `0` or nothing, whatever they send."""
    return (None,) if headers.get("content-length", "0") != "0" else ("", "0")


def string_to_sign(
    account: str, method: str, path: str, query: str, headers: Mapping[str, str], *, lower: bool
) -> str:
    values = {name: headers.get(name, "") for name in _SIGNED}
    if "ocp-date" in headers:
        values["date"] = ""
    lines = [method, *values.values()]
    lines += [
        f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("ocp-") and value
    ]
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(query):  # empty values are left out
        pairs.setdefault(name.lower() if lower else name, value)
    lines.append(f"/{account}{path}")
    lines += [f"{name}:{value}" for name, value in sorted(pairs.items())]
    return "\n".join(lines)


def _require_recent(headers: Mapping[str, str], now: int) -> None:
    text = headers.get("ocp-date") or headers.get("date") or ""
    try:
        moment = int(parsedate_to_datetime(text).timestamp()) * TICKS_PER_S + EPOCH
    except (TypeError, ValueError):
        raise refused("The request has no ocp-date or Date header in RFC 1123 form.") from None
    if abs(now - moment) > _WINDOW:
        raise refused("The request's date is not within 15 minutes of the server's time.")


def require_token(token: str, public_key: str, audience: str) -> None:
    """Signature, audience and expiry of a bearer token; 401 with the service's challenge otherwise."""
    audiences = {audience, audience.rstrip("/"), audience.rstrip("/") + "/"}
    try:
        jwt.decode(
            token, public_key, ["RS256", "ES256"], audience=audiences, options={"require": ["exp", "aud"]}
        )
    except jwt.PyJWTError as error:
        raise refused(f"The token is not valid: {error}", status=401) from None


def refused(detail: str, status: int = 0) -> ApiError:
    return ApiError("AuthenticationFailed", ("AuthenticationErrorDetail", detail), status=status)
