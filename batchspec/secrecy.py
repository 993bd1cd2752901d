"""What nobody is to see: signatures, keys, tokens, and the values of a spec's secrets.

Whoever comes by a secret says so with `keep_secret`; and whatever somebody else has written (a
service, a library, a node, a traceback) goes through `without_secrets` before it is shown or kept.
"""

from __future__ import annotations

import re
from functools import cache

_SIGNED_QUERY = r"\?[^\s\"'?]*sig(?:=|%3D)[^\s\"']*"
_SIGNATURE = r"(sig(?:=|%3D))[^&\s\"';]+"
_CREDENTIAL = (  # in the forms in which headers, connection strings, token requests and addresses have them
    r"(\bBearer\s+)[\w.~+/=-]{12,}"
    r"|(\bSharedKey(?:Lite)?\s+[\w-]+:)[\w+/=]{12,}"
    r"|(signature found in the HTTP request ')[^']+"  # Storage's words for a key that is wrong
    r"|(\b(?:AccountKey|client_secret|client_assertion|refresh_token|access_token)"
    r"(?:=|%3D|[\"']\s*:\s*[\"']))[^;&\s\"',]+"
    r"|(://[^\s/?#:@\"']*:)[^\s/?#@\"']+(?=@)"
)
_JWT = r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"

_SHORTEST = 6  # what is shorter stands in too many words that are none

_kept: set[str] = set()


def keep_secret(value: str | None) -> None:
    """From now on `without_secrets` hides *value*, in the forms that URLs and JSON give it too."""
    if not value:
        return
    from json import dumps  # both are slow to import, and most commands need neither
    from urllib.parse import quote

    for text in {value, *value.splitlines()}:
        if len(text) >= _SHORTEST:
            _kept.update((text, quote(text, safe=""), dumps(text)[1:-1], repr(text)[1:-1]))


def without_signatures(text: str) -> str:
    """*text* with the queries of signed URLs (SAS) hidden: `https://…/clip.mp4?***`."""
    return _compiled(_SIGNATURE).sub(r"\1***", _compiled(_SIGNED_QUERY).sub("?***", text))


def without_secrets(text: str) -> str:
    """*text* without signatures, credentials and tokens, by their form; nor any value that was kept secret."""
    for value in sorted(_kept, key=len, reverse=True):
        text = text.replace(value, "***")
    return without_credentials(text)


def without_credentials(text: str) -> str:
    """*text* without what is a signature, credential or token by its form: the same text on every machine."""
    text = without_signatures(text)
    text = _compiled(_CREDENTIAL).sub(lambda match: f"{match[match.lastindex or 0]}***", text)
    return _compiled(_JWT).sub("***", text)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when it is needed: a command that finds nothing wrong starts without."""
    return re.compile(pattern, re.IGNORECASE)
