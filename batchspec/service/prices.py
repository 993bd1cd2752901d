"""Azure's list of retail prices: asked without an account, by region and VM size, and told nothing else.

Source: Azure Retail Prices API.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from batchspec.cost.rates import listed_name
from batchspec.errors import BatchspecError
from batchspec.resources.base import Json
from batchspec.service.http.address import checked
from batchspec.service.http.transport import Connection

VARIABLE = "BATCHSPEC_PRICES"
RETAIL = "https://prices.azure.com/api/retail/prices"
OFF = "off"


class PricesUnknownError(Exception):
    """Nobody can say what nodes cost; its text says why."""


class PriceList(NamedTuple):
    """Where prices are: `source` is an address, a file or `off`; without a `region` those of any will do."""

    source: str
    region: str = ""

    @property
    def is_address(self) -> bool:
        return "://" in self.source


def region_of(endpoint: str) -> str:
    """The region of a Batch endpoint, `https://ACCOUNT.REGION.batch.azure.com`; empty where it names none."""
    parts = (urlsplit(endpoint).hostname or "").split(".")
    return parts[1] if len(parts) > 3 and parts[2] == "batch" else ""


def read_file(prices: PriceList) -> tuple[list[Json], str]:
    """The items of a list in a file, and its day. Raises `PricesUnknownError`."""
    path = Path(prices.source)
    try:
        day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        return items_of(path.read_text("utf-8")), day
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise PricesUnknownError(f"cannot read {prices.source}: {why}") from error


def fetch(prices: PriceList, vm_size: str, within_s: float) -> list[Json]:
    """The items for *vm_size*. Raises `PricesUnknownError`.

    Those of one size in one region are a handful, and a page of the answer has a hundred, so one page is all.
    """
    if prices.source == RETAIL and not prices.region:
        raise PricesUnknownError("the Batch endpoint does not name its region")
    connection = Connection()
    try:
        url = checked(VARIABLE, prices.source, RETAIL)
        request = HttpRequest("GET", url, params={"$filter": _filter(prices.region, vm_size)})
        answer = connection.send(request, connection_timeout=within_s, read_timeout=within_s)
        if answer.status_code != 200:
            raise PricesUnknownError(f"{urlsplit(url).hostname} answers {answer.status_code}")
        return items_of(answer.text())
    except (AzureError, OSError) as error:
        raise PricesUnknownError(f"{urlsplit(prices.source).hostname} does not answer") from error
    except BatchspecError as error:
        raise PricesUnknownError(str(error)) from error
    finally:
        connection.close()


def items_of(text: str) -> list[Json]:
    """The items of a page of the list. Raises `PricesUnknownError` for what is none."""
    try:
        page: Any = json.loads(text)
    except ValueError as error:
        raise PricesUnknownError("the price list is not JSON") from error
    items = page.get("Items") if isinstance(page, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise PricesUnknownError("the price list has no Items")
    return items


def _filter(region: str, vm_size: str) -> str:
    terms = {"serviceName": "Virtual Machines", "armRegionName": region, "armSkuName": listed_name(vm_size)}
    said = [f"{name} eq {_quoted(value)}" for name, value in terms.items() if value]
    return " and ".join([*said, "priceType eq 'Consumption'"])


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
