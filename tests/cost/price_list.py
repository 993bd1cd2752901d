"""A list of prices as Azure's has them, and a server that answers with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SIZE = "Standard_D2ds_v5"


def item(price: float, *, sku: str = "D2ds v5", windows: bool = False, **others: Any) -> dict[str, Any]:
    """An entry of the list, with the fields that it has there."""
    return {
        "currencyCode": "USD",
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "westeurope",
        "location": "EU West",
        "meterName": sku,
        "productName": "Virtual Machines Ddsv5 Series" + (" Windows" if windows else ""),
        "skuName": sku,
        "serviceName": "Virtual Machines",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": SIZE,
        **others,
    }


ITEMS = [
    item(0.136),
    item(0.228, windows=True),
    item(0.02, sku="D2ds v5 Spot"),
    item(0.05, sku="D2ds v5 Spot", windows=True),
    item(0.0272, sku="D2ds v5 Low Priority"),
    item(0.1, type="DevTestConsumption"),
    item(700.0, type="Reservation", reservationTerm="1 Year"),
    item(9.0, unitOfMeasure="1/Month"),
    item(0.15, armRegionName="eastus"),
    item(0.3, armSkuName="Standard_D4ds_v5"),
]


def page(items: list[dict[str, Any]]) -> str:
    return json.dumps({"BillingCurrency": "USD", "Items": items, "NextPageLink": None, "Count": len(items)})


@dataclass
class PriceServer:
    """Answers each request with `answer`, a status and a body, once `open` is set; `asked` are the requests."""

    address: str = ""
    answer: tuple[int, str] = (200, page(ITEMS))
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def filters(self) -> list[str]:
        return [parse_qs(urlsplit(path).query)["$filter"][0] for path in self.asked]


@contextmanager
def price_server() -> Iterator[PriceServer]:
    prices = PriceServer()
    prices.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            prices.asked.append(self.path)
            prices.headers.append(dict(self.headers))
            prices.open.wait(10)
            status, body = prices.answer
            with suppress(OSError):  # who asked has gone
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is to be printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    prices.address = f"http://127.0.0.1:{server.server_port}/api/retail/prices"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield prices
    finally:
        prices.open.set()
        server.shutdown()
        thread.join()
        server.server_close()
