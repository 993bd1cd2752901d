"""Addresses that the environment names. They are checked before anything is sent: keys and tokens go there."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from batchspec.errors import NotSignedInError
from batchspec.secrecy import keep_secret
from batchspec.service.http.way import is_here

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")
_STORAGE_ACCOUNT = re.compile(r"[A-Za-z0-9-]+")


def does_without_tls(endpoint: str) -> bool:
    """Whether it has none and needs none, since nothing that is signed leaves this machine."""
    return urlsplit(endpoint).scheme == "http" and is_here(endpoint)


def checked(variable: str, text: str, example: str) -> str:
    """The address *text*, which *variable* names, with its scheme.

    Raises `NotSignedInError` for what is none, or is not https and not of this machine. It never
    says more of *text* than its host: a password may stand in it.
    """
    url = text if "://" in text else f"https://{text}"
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise NotSignedInError(f"{variable} is not an address", help=f"for example {example}")
    if "@" in parts.netloc:
        keep_secret(parts.password)
        raise NotSignedInError(
            f"{variable} has a user name or a password in it",
            help="remove what is before the `@`: accounts are reached with a key or with `az login`",
        )
    if parts.scheme != "https" and not does_without_tls(url):
        raise NotSignedInError(
            f"{variable}: http://{parts.netloc} is not https, and only this machine is reached without TLS",
            help="use its https address",
        )
    return url


def _split(url: str) -> SplitResult | None:
    """The parts of *url*; None where it has no host, or one that cannot be."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if host and url.isprintable() and " " not in url and _HOST.fullmatch(host) else None


def storage_account(variable: str, name: str) -> str:
    """*name*, which becomes part of an address. Raises `NotSignedInError` for what cannot be an account's."""
    if not _STORAGE_ACCOUNT.fullmatch(name):
        raise NotSignedInError(
            f"{variable} does not name a storage account", help="the name alone: letters and digits"
        )
    return name
