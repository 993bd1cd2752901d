"""Signatures with which nodes reach the installation's own storage: as auto-storage, or by a managed identity."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

_VERSION = "2019-12-12"
_LASTS = timedelta(days=366)  # made anew at each start of the daemon


def reading(account: str, key: str, now: datetime | None = None) -> str:
    """A query that allows reading and listing in every blob container of *account*; *key* is base64."""
    return _signed(account, key, "rl", now)


def writing(account: str, key: str, now: datetime | None = None) -> str:
    """A query that allows creating and writing blobs in every blob container of *account*; *key* is base64."""
    return _signed(account, key, "cw", now)


def _signed(account: str, key: str, rights: str, now: datetime | None) -> str:
    """Source: Create an account SAS, Azure Storage REST documentation, version 2019-12-12."""
    fields = {
        "sp": rights,
        "ss": "b",
        "srt": "co",
        "se": ((now or datetime.now(UTC)) + _LASTS).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "spr": "https,http",
        "sv": _VERSION,
    }
    no_start = no_address = ""
    signed = [account, fields["sp"], fields["ss"], fields["srt"], no_start, fields["se"], no_address]
    text = "\n".join([*signed, fields["spr"], fields["sv"], ""])
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return urlencode({**fields, "sig": base64.b64encode(digest).decode()})
