"""What a node of a VM size costs per hour, read off Azure's list of retail prices.

Source: Azure Retail Prices API; the names of its meters as of 2026-11.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from batchspec.cost.nodes import Nodes
from batchspec.resources.base import Json

_UNIT = "1 Hour"
_DEAREST = 1_000_000.0  # what is said to cost more per hour is no price, and sums of it would be no numbers
_CURRENCY = re.compile(r"[A-Z]{3}")
_SMALL_PART = re.compile(r"v\d+|cc|\d+")
_SPOT_METERS = ("Spot", "Low Priority")
"""Which of the two Batch bills its Spot nodes by is not documented; the first that has a price is used, and named."""


class Rates(NamedTuple):
    """Prices per node and hour, None where the list has none; `why_not` says why there is no list.

    `day` is the day of the list, `spot_meter` the meter that Spot nodes are priced by.
    """

    vm_size: str
    dedicated: float | None = None
    spot: float | None = None
    currency: str = "USD"
    day: str = ""
    spot_meter: str = ""
    why_not: str = ""

    def cost(self, amount: Nodes) -> float | None:
        """What *amount* costs: nodes for an hour, or node hours. None where a price that it takes is not known."""
        parts = [(amount.dedicated, self.dedicated), (amount.spot, self.spot)]
        needed = [(number, price) for number, price in parts if number]
        if any(price is None for _, price in needed):
            return None
        return rounded(math.fsum(number * price for number, price in needed if price is not None))

    def unknown(self, amount: Nodes) -> str:
        """Why nobody knows what *amount* costs; empty where it is known."""
        if self.why_not or self.cost(amount) is not None:
            return self.why_not
        kind = "dedicated" if amount.dedicated and self.dedicated is None else "Spot"
        return f"the price list has no {kind} nodes of {self.vm_size} here"


def listed_name(vm_size: str) -> str:
    """*vm_size* as the list spells it: it is found by the letter, and Batch gives sizes back in lower case.

    Azure's names have capitals before the number and small letters behind it; then come versions (`v5`), accelerators
    (`A100`) and networks. What is written with both is taken as it is.
    """
    tier, _, name = vm_size.partition("_")
    if name not in (name.lower(), name.upper()):
        return f"{tier.capitalize()}_{name}"
    size, *parts = name.lower().split("_")
    number = next((place for place, letter in enumerate(size) if not letter.isalpha()), len(size))
    return "_".join((tier.capitalize(), size[:number].upper() + size[number:], *map(_part, parts)))


def _part(text: str) -> str:
    if _SMALL_PART.fullmatch(text):
        return text
    return text.capitalize() if text == "promo" else text.upper()


def rounded(amount: float) -> float:
    """*amount* without what binary fractions leave: five nodes at 0.084 cost 0.42, as a limit would say it."""
    return round(amount, 6)


def money(amount: float | None, rates: Rates) -> str:
    """*amount* with its currency: two digits behind the point, of small sums four."""
    if amount is None:
        return "an unknown amount"
    if 0 < amount < 0.0001:
        return f"less than 0.0001 {rates.currency}"
    return f"{amount:.{2 if amount >= 0.1 or not amount else 4}f} {rates.currency}"


def read_rates(items: Iterable[Json], vm_size: str, region: str, day: str, *, windows: bool) -> Rates:
    """The prices of *vm_size* among *items* of the list, in *region*; with none named, in any.

    Where several fit, the highest in the currency of the first counts: what is shown is no less than what is paid.
    """
    fitting = [item for item in items if _fits(item, vm_size, region, windows=windows)]
    currency = str(fitting[0]["currencyCode"]) if fitting else "USD"
    fitting = [item for item in fitting if item["currencyCode"] == currency]
    spot = {meter: _highest(fitting, meter) for meter in _SPOT_METERS}
    meter = next((meter for meter in _SPOT_METERS if spot[meter] is not None), "")
    return Rates(
        vm_size,
        _highest(fitting, ""),
        spot.get(meter),
        currency,
        day,
        meter,
        "" if fitting else f"the price list has no {vm_size}{f' in {region}' if region else ''}",
    )


def _fits(item: Json, vm_size: str, region: str, *, windows: bool) -> bool:
    product = str(item.get("productName", ""))
    return (
        str(item.get("armSkuName", "")).casefold() == vm_size.casefold()
        and region.casefold() in ("", str(item.get("armRegionName", "")).casefold())
        and item.get("unitOfMeasure") == _UNIT
        and item.get("type", "Consumption") == "Consumption"  # not what is reserved, nor for developers alone
        and product.endswith(" Windows") == windows
        and not product.replace(" ", "").endswith("CloudServices")
        and _CURRENCY.fullmatch(str(item.get("currencyCode", ""))) is not None
        and _price(item) is not None
    )


def _highest(items: Iterable[Json], meter: str) -> float | None:
    prices = [_price(item) for item in items if _meter(item) == meter]
    return max((price for price in prices if price is not None), default=None)


def _meter(item: Json) -> str:
    name = str(item.get("skuName") or item.get("meterName", ""))
    return next((meter for meter in _SPOT_METERS if name.endswith(f" {meter}")), "")


def _price(item: Json) -> float | None:
    value: Any = item.get("retailPrice")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < _DEAREST else None
