"""Prices of VM sizes, looked up beside other requests and kept for a day: a price that cannot be had stops nobody."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from datetime import UTC, datetime
from typing import Any

from batchspec.cost.estimate import Hourly
from batchspec.cost.nodes import Nodes
from batchspec.cost.rates import Rates, read_rates
from batchspec.engine.look.remembered.cache import Cache, cache_path
from batchspec.language.pool_rules import is_windows
from batchspec.resources.base import Json
from batchspec.service.connect import Account
from batchspec.service.prices import OFF, PriceList, PricesUnknownError, fetch, read_file

WITHIN_S = 2.0
"""How long a look-up may take in all."""

_KEPT_S, _FAILURE_KEPT_S = 24 * 3600.0, 3600.0
_TABLE = "prices (name TEXT PRIMARY KEY, at REAL, items TEXT, why_not TEXT)"


class Lookup:
    """A look-up under way for one VM size. `rates` waits for it, as long as there is time left."""

    def __init__(self, prices: PriceList, vm_size: str) -> None:
        self.vm_size = vm_size
        self._prices = prices
        self._name = "|".join((prices.source, prices.region, vm_size.casefold()))
        self._until = time.monotonic() + WITHIN_S
        self._found: Future[tuple[list[Json], str]] = Future()
        # Nobody waits for it at the end: names that are looked up may take longer than any connection.
        threading.Thread(target=self._look, name="prices", daemon=True).start()

    def rates(self, *, windows: bool) -> Rates:
        """The prices, or why they are not known."""
        try:
            items, day = self._found.result(max(0.0, self._until - time.monotonic()))
        except PricesUnknownError as error:
            return Rates(self.vm_size, why_not=str(error))
        except TooLateError:
            why = f"no answer within {WITHIN_S:g} s"
            self._keep([], why)
            return Rates(self.vm_size, why_not=why)
        return read_rates(items, self.vm_size, self._prices.region, day, windows=windows)

    def _look(self) -> None:
        try:
            self._found.set_result(self._looked_up())
        except Exception as error:
            if not isinstance(error, PricesUnknownError):
                error = PricesUnknownError(f"the look-up failed: {error}")
            self._found.set_exception(error)

    def _looked_up(self) -> tuple[list[Json], str]:
        if self._prices.source == OFF:
            raise PricesUnknownError("BATCHSPEC_PRICES is off")
        if not self._prices.is_address:
            return read_file(self._prices)
        if kept := self._kept():
            return kept
        try:
            items = fetch(self._prices, self.vm_size, WITHIN_S)
        except PricesUnknownError as error:
            self._keep([], str(error))
            raise
        self._keep(items, "")
        return items, _day(time.time())

    def _kept(self) -> tuple[list[Json], str] | None:
        """What an earlier look-up found. Raises `PricesUnknownError` for one that found nothing a short while ago."""
        cache = Cache(cache_path(), _TABLE)
        rows = cache.rows("SELECT at, items, why_not FROM prices WHERE name = ?", self._name)
        cache.close()
        for at, items, why_not in rows:
            if not 0 <= time.time() - at < (_FAILURE_KEPT_S if why_not else _KEPT_S):
                return None
            if why_not:
                raise PricesUnknownError(why_not)
            return json.loads(items), _day(at)
        return None

    def _keep(self, items: list[Json], why_not: str) -> None:
        cache = Cache(cache_path(), _TABLE)
        row = (self._name, time.time(), json.dumps(items), why_not)
        cache.write("INSERT OR REPLACE INTO prices VALUES (?, ?, ?, ?)", [row])
        cache.close()


class Prices:
    """The prices that an account's nodes have. Each size is looked up once."""

    def __init__(self, prices: PriceList) -> None:
        self._prices = prices
        self._lookups: dict[str, Lookup] = {}

    def begin(self, pool: Json | None) -> None:
        """Begins to look up what nodes of *pool* cost, and waits for nothing."""
        vm_size = str((pool or {}).get("vmSize", ""))
        if vm_size and vm_size not in self._lookups:
            self._lookups[vm_size] = Lookup(self._prices, vm_size)

    def of(self, pool: Json) -> Rates:
        """What a node of *pool* costs."""
        self.begin(pool)
        machine: Mapping[str, Any] = pool.get("virtualMachineConfiguration") or {}
        return self._lookups[str(pool["vmSize"])].rates(windows=is_windows(machine))

    def hourly(self, pool: Json, nodes: Nodes) -> Hourly | None:
        """What *nodes* of *pool* cost; None where there are none."""
        return Hourly(nodes, self.of(pool)) if any(nodes) else None


def prices_of(account: Account, pools: Iterable[Json | None]) -> Prices | None:
    """The prices of *account*, those of *pools* looked up beside what comes next; None where its nodes are free."""
    if account.prices is None:
        return None
    prices = Prices(account.prices)
    for pool in pools:
        prices.begin(pool)
    return prices


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
