"""Prices read off the list: which entries count, and what a number of nodes costs."""

from __future__ import annotations

from typing import Any

import pytest

from batchspec.cost.nodes import Nodes
from batchspec.cost.rates import Rates, listed_name, money, read_rates
from tests.cost.price_list import ITEMS, SIZE, item


def rates(
    items: list[dict[str, Any]] = ITEMS,
    *,
    size: str = SIZE,
    region: str = "westeurope",
    windows: bool = False,
) -> Rates:
    return read_rates(items, size, region, "2026-11-28", windows=windows)


def test_linux_and_windows_nodes_have_prices_of_their_own() -> None:
    """What is reserved, billed by the month, for developers or of another size or region does not count."""
    assert rates()[1:6] == (0.136, 0.02, "USD", "2026-11-28", "Spot")
    assert rates(windows=True)[1:3] == (0.228, 0.05)


def test_sizes_and_regions_are_told_without_case() -> None:
    """As Batch takes them."""
    assert rates(size="STANDARD_d2ds_V5", region="WestEurope").dedicated == 0.136


@pytest.mark.parametrize(
    "name",
    [
        "Standard_D2ds_v5",
        "Standard_DS3_v2",
        "Standard_E8-2ds_v5",
        "Standard_NC24ads_A100_v4",
        "Standard_ND96isr_MI300X_v5",
        "Standard_M416s_8_v2",
        "Standard_DC2as_cc_v5",
        "Standard_D2_v2_Promo",
        "Standard_FX4mds",
        "Basic_A1",
    ],
)
def test_a_size_is_asked_for_as_the_list_spells_it(name: str) -> None:
    """However it is written: Batch gives sizes back in small letters, people write them in capitals."""
    assert [listed_name(name), listed_name(name.lower()), listed_name(name.upper())] == [name] * 3


def test_prices_in_two_currencies_do_not_mix() -> None:
    """The first one counts; what is no currency's code is no price."""
    found = rates([item(9, currencyCode="@all"), item(0.1, currencyCode="EUR"), item(0.136)])
    assert (found.dedicated, found.currency) == (0.1, "EUR")


def test_spot_nodes_have_the_price_of_low_priority_where_there_is_no_other() -> None:
    """The meter is named."""
    found = rates([item(0.136), item(0.0272, sku="D2ds v5 Low Priority")])
    assert (found.spot, found.spot_meter) == (0.0272, "Low Priority")


def test_of_several_prices_the_highest_counts() -> None:
    """So no region stands for any, as in a rehearsal on the local account."""
    assert rates(region="").dedicated == 0.15


@pytest.mark.parametrize("price", [None, "0.1", 0, -1, True, 1e308, 10**400])
def test_what_is_no_price_does_not_count(price: object) -> None:
    """It is as if the entry were not there."""
    assert rates([item(0.1, retailPrice=price)]).why_not == f"the price list has no {SIZE} in westeurope"


def test_a_cost_is_known_where_every_price_is_that_it_takes() -> None:
    """Without Spot nodes nobody needs their price."""
    found = rates([item(0.136)])
    assert (found.cost(Nodes(2, 0)), found.cost(Nodes(2, 1)), found.cost(Nodes())) == (0.272, None, 0)
    assert found.unknown(Nodes(2, 1)) == f"the price list has no Spot nodes of {SIZE} here"
    assert found.unknown(Nodes(2, 0)) == ""


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1234.5, "1234.50 USD"),
        (0.1, "0.10 USD"),
        (0.0272, "0.0272 USD"),
        (0.00001, "less than 0.0001 USD"),
        (0, "0.00 USD"),
    ],
)
def test_small_sums_have_more_digits(amount: float, text: str) -> None:
    """A Spot node may cost less than a cent per hour."""
    assert money(amount, rates()) == text
