"""Looking prices up: what is asked, what is kept for how long, and that nothing that goes wrong stops anybody."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from batchspec.engine.look import prices
from batchspec.engine.look.prices import Lookup
from batchspec.engine.look.remembered.cache import Cache, cache_path
from batchspec.service.prices import RETAIL, PriceList, region_of
from tests.cost.price_list import ITEMS, SIZE, PriceServer, item, page

TODAY = time.strftime("%Y-%m-%d", time.gmtime())


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def look_up(source: str, region: str = "westeurope") -> tuple[float | None, str]:
    """The price of a dedicated node, and why there is none."""
    found = Lookup(PriceList(source, region), SIZE).rates(windows=False)
    return found.dedicated, found.why_not


def age(seconds: float) -> None:
    """All that is kept was looked up *seconds* earlier."""
    cache = Cache(cache_path(), "prices (name TEXT PRIMARY KEY, at REAL, items TEXT, why_not TEXT)")
    cache.write("UPDATE prices SET at = at - ?", [(seconds,)])
    cache.close()


def test_the_list_is_told_the_region_and_the_size_and_nothing_else(server: PriceServer) -> None:
    """Neither a key, nor a name, nor anything of the spec."""
    assert look_up(server.address) == (0.136, "")
    assert server.filters == [
        "serviceName eq 'Virtual Machines' and armRegionName eq 'westeurope' and "
        f"armSkuName eq '{SIZE}' and priceType eq 'Consumption'"
    ]
    assert server.asked[0].partition("?")[0] == "/api/retail/prices"
    assert set(server.headers[0]) == {"Host", "Accept-Encoding"}


def test_prices_are_kept_for_a_day(server: PriceServer) -> None:
    """Another region is another question."""
    for _ in range(2):
        assert look_up(server.address) == (0.136, "")
    age(23.9 * 3600)
    assert look_up(server.address) == (0.136, "")
    assert len(server.asked) == 1
    age(0.2 * 3600)
    assert look_up(server.address) == (0.136, "")
    assert look_up(server.address, "eastus") == (0.15, "")
    assert len(server.asked) == 3


def test_a_failure_is_remembered_for_an_hour(server: PriceServer) -> None:
    """Whatever went wrong: it is said again and not asked again."""
    server.answer = (503, "")
    why = "127.0.0.1 answers 503"
    for _ in range(2):
        assert look_up(server.address) == (None, why)
    assert len(server.asked) == 1
    age(3600)
    server.answer = (200, page(ITEMS))
    assert look_up(server.address) == (0.136, "")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<html>", "the price list is not JSON"),
        ("[]", "the price list has no Items"),
        ('{"Items": [1]}', "the price list has no Items"),
        (page([]), f"the price list has no {SIZE} in westeurope"),
        (page([item(1, armSkuName=None, productName=None)]), f"the price list has no {SIZE} in westeurope"),
    ],
)
def test_an_answer_that_is_no_list_is_a_price_that_is_not_known(
    server: PriceServer, body: str, why: str
) -> None:
    """As a proxy's page may be."""
    server.answer = (200, body)
    assert look_up(server.address) == (None, why)


def test_nobody_waits_longer_than_two_seconds(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """From when the look-up began: who has done something else meanwhile waits for less."""
    assert prices.WITHIN_S == 2
    monkeypatch.setattr(prices, "WITHIN_S", 0.3)
    server.open.clear()
    for _ in range(2):
        price, why = look_up(server.address)
        assert price is None
        assert why in ("no answer within 0.3 s", "127.0.0.1 does not answer")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("source", "region", "why"),
    [
        ("off", "westeurope", "BATCHSPEC_PRICES is off"),
        (RETAIL, "", "the Batch endpoint does not name its region"),
        ("http://127.0.0.1:9/prices", "westeurope", "127.0.0.1 does not answer"),
        (
            "http://prices.example/",
            "",
            "BATCHSPEC_PRICES: http://prices.example is not https, and only this machine",
        ),
        ("https://me:secret@prices.example/", "", "BATCHSPEC_PRICES has a user name or a password in it"),
        ("nowhere.json", "", "cannot read nowhere.json: No such file or directory"),
        (str(Path(__file__)), "", "the price list is not JSON"),
    ],
)
def test_what_cannot_be_asked_is_said(source: str, region: str, why: str) -> None:
    """Each in words, and never with a password."""
    price, said = look_up(source, region)
    assert price is None
    assert said.startswith(why)
    assert "secret" not in said


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    """It is as old as it says it is."""
    file = tmp_path / "prices.json"
    for price in (0.1, 0.2):
        file.write_text(page([item(price)]))
        assert look_up(str(file)) == (price, "")
    assert Lookup(PriceList(str(file)), SIZE).rates(windows=False).day == TODAY


def test_the_region_is_that_of_the_endpoint() -> None:
    """In Azure's clouds; an address of another form names none."""
    assert region_of("https://mine.westeurope.batch.azure.com") == "westeurope"
    assert region_of("https://mine.usgovvirginia.batch.usgovcloudapi.net") == "usgovvirginia"
    assert region_of("https://mine.westeurope.batch.azure.com:443/") == "westeurope"
    assert [region_of(url) for url in ("http://127.0.0.1:8888", "https://batch.example.com", "")] == [
        "",
        "",
        "",
    ]
