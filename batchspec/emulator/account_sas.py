"""A signature with which nodes read the installation's own storage, as a pool's auto-storage does."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

_VERSION = "2019-12-12"
_LASTS = timedelta(days=366)  # made anew at each start of the daemon


def reading(account: str, key: str, now: datetime | None = None) -> str:
    """A query that allows reading and listing in every blob container of *account*; *key* is base64.

    Source: Create an account SAS, Azure Storage REST documentation, version 2019-12-12.
    """
    fields = {
        "sp": "rl",
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
