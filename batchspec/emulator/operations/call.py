"""One request as the operations see it, and their answers to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from batchspec.emulator.http.odata import Filter, matches, parse_filter, select
from batchspec.emulator.http.reply import JSON, Reply
from batchspec.emulator.http.versions import told_in
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.state.clock import EPOCH, TICKS_PER_S, header_text, parse_time
from batchspec.emulator.state.errors import ApiError

_MOST = 1000  # items on a page


@dataclass(slots=True)
class Call:
    """*ids* are the parts of the path that vary, decoded; *path* is the path as it came."""

    account: Account
    operation: str
    method: str
    path: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    version: str
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.account.endpoint + self.path


Operation = Callable[[Call], Reply]


def entity(call: Call, kind: str, body: dict[str, Any]) -> Reply:
    """One pool, job, task, ...: its body, with ETag where it has one."""
    shown = select(told_in(call.version, body), selected(call))
    text = json.dumps(
        {"odata.metadata": f"{call.account.endpoint}/$metadata#{kind}", **shown}, separators=(",", ":")
    )
    return Reply(200, version_headers(body) | {"Content-Type": JSON}, text.encode())


def version_headers(body: Mapping[str, Any]) -> dict[str, str]:
    if "eTag" not in body:
        return {}
    return {"ETag": body["eTag"], "Last-Modified": header_text(parse_time(body["lastModified"]))}


def done(call: Call, status: int, doc: Mapping[str, Any] | None = None, *, service_id: str = "") -> Reply:
    """A change that was made: no body; *doc* is what was changed, for its ETag."""
    headers = {"DataServiceId": service_id or call.url}
    return Reply(status, headers | (version_headers(doc) if doc else {}))


def created(url: str, doc: Mapping[str, Any], *, service_id: str = "") -> Reply:
    return Reply(201, {"DataServiceId": service_id or url, "Location": url} | version_headers(doc))


def raw_page(call: Call, kind: str, bodies: list[bytes], next_key: str | None) -> Reply:
    """A list that is already cut to one page; *next_key* is where the next one begins."""
    head = f'{{"odata.metadata":"{call.account.endpoint}/$metadata#{kind}","value":['.encode()
    tail = b"]}"
    if next_key is not None:
        query = {name: value for name, value in call.query.items() if name != "$skiptoken"}
        link = f"{call.account.endpoint}{call.path}?{urlencode({**query, '$skiptoken': next_key}, safe='$')}"
        tail = b'],"odata.nextLink":' + json.dumps(link).encode() + b"}"
    return Reply(200, {"Content-Type": JSON}, head + b",".join(bodies) + tail)


def list_of(call: Call, kind: str, items: Iterable[tuple[str, dict[str, Any]]]) -> Reply:
    """A page of what is in memory: filtered, ordered by key, cut."""
    tree, most, after = filtered(call), page_size(call), call.query.get("$skiptoken", "")
    found = sorted(
        (item for item in items if item[0] > after and (tree is None or matches(tree, item[1]))),
        key=lambda i: i[0],
    )
    names = selected(call)
    bodies = [
        json.dumps(select(told_in(call.version, body), names), separators=(",", ":")).encode()
        for _, body in found[:most]
    ]
    return raw_page(call, kind, bodies, found[most - 1][0] if len(found) > most else None)


def filtered(call: Call) -> Filter | None:
    text = call.query.get("$filter")
    return parse_filter(text, call.operation) if text else None


def selected(call: Call) -> frozenset[str] | None:
    text = call.query.get("$select")
    return frozenset(name.strip() for name in text.split(",")) if text else None


def page_size(call: Call) -> int:
    text = call.query.get("maxresults", str(_MOST))
    if not text.isdigit():
        raise _bad_query("InvalidQueryParameterValue", "maxresults", text)
    if not 1 <= int(text) <= _MOST:
        raise _bad_query("OutOfRangeQueryParameterValue", "maxresults", text)
    return int(text)


def _bad_query(code: str, name: str, value: str) -> ApiError:
    return ApiError(code, ("QueryParameterName", name), ("QueryParameterValue", value))


def require_conditions(call: Call, doc: Mapping[str, Any]) -> None:
    """If-Match and its relatives: 412 when one fails, 304 on a read. ETags are taken quoted and unquoted."""
    headers, tag = call.headers, doc["eTag"]
    reading = call.method in ("GET", "HEAD")
    modified = parse_time(doc["lastModified"])
    wanted, unwanted = _tags(headers.get("if-match")), _tags(headers.get("if-none-match"))
    failed = wanted is not None and tag not in wanted and "*" not in wanted
    unchanged = unwanted is not None and (tag in unwanted or "*" in unwanted)
    if "if-unmodified-since" in headers and _later(modified, headers["if-unmodified-since"]):
        failed = True
    if "if-modified-since" in headers and not _later(modified, headers["if-modified-since"]):
        unchanged = True
    if failed or (unchanged and not reading):
        raise ApiError("ConditionNotMet")
    if unchanged:
        raise ApiError("ConditionNotMet", status=304)


def _tags(text: str | None) -> list[str] | None:
    return None if text is None else [tag.strip().removeprefix("W/").strip('"') for tag in text.split(",")]


def _later(modified: int, text: str) -> bool:
    """To the second, as HTTP dates are."""
    try:
        return (modified - EPOCH) // TICKS_PER_S > int(parsedate_to_datetime(text).timestamp())
    except (TypeError, ValueError):
        raise ApiError("InvalidHeaderValue") from None
