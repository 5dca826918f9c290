"""A small client of the paper exchange's Alpaca."""

from __future__ import annotations

import itertools
import json
from typing import Any

import requests

from tests.paper_exchange.client import REPOSITORY, eventually

DATA = REPOSITORY / "tests" / "data" / "alpaca"
FINAL = {"filled", "canceled", "expired", "rejected"}
_names = itertools.count(1)


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


class AlpacaTrader:
    """One account with its key."""

    def __init__(self, alpaca: AlpacaHouse, name: str, key: str, secret: str) -> None:
        self.alpaca = alpaca
        self.name = name
        self.key = key
        self.secret = secret
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret})

    def call(self, verb: str, path: str, body: Any = None, wait_s: float = 30, **query: Any) -> requests.Response:
        return self.session.request(verb, self.alpaca.url + path, params=query, json=body, timeout=wait_s)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, side: str = "buy", symbol: str = "BTC/USD", **more: Any) -> requests.Response:
        body = {"symbol": symbol, "side": side, "type": "market", "time_in_force": "gtc"} | more
        return self.call("POST", "/v2/orders", {name: value for name, value in body.items() if value is not None})

    def place(self, side: str = "buy", symbol: str = "BTC/USD", **more: Any) -> dict[str, Any]:
        answer = self.submit(side, symbol, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, order_id: str) -> dict[str, Any]:
        return self.get(f"/v2/orders/{order_id}")

    def settled(self, placed: dict[str, Any]) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            order = self.order(placed["id"])
            return order if order["status"] in FINAL else None

        return eventually(ended)

    def trade(self, side: str = "buy", symbol: str = "BTC/USD", **more: Any) -> dict[str, Any]:
        return self.settled(self.place(side, symbol, **more))

    def position(self, symbol: str = "BTCUSD") -> dict[str, Any]:
        return self.get(f"/v2/positions/{symbol}")

    def books(self) -> dict[str, list[dict[str, Any]]]:
        return self.alpaca.get(f"/books?account={self.name}")


class AlpacaHouse:
    """A running exchange: its Alpaca and its control API."""

    def __init__(self, url: str, control_url: str) -> None:
        self.url = url
        self.control_url = control_url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> Any:
        return self._control("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._control("POST", path, body)

    def patch(self, path: str, **body: Any) -> Any:
        return self._control("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self._control("DELETE", path)

    def settings(self, **changes: Any) -> None:
        self.patch("/settings?venue=alpaca", **changes)

    def market(self, symbol: str = "BTC-USD", **changes: Any) -> None:
        self.patch(f"/market/{symbol}?venue=alpaca", **changes)

    def data(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(f"{self.url}/v1beta3/crypto/us/{path}", params=query, timeout=30)

    def open(self, balances: dict[str, str] | None = None, **more: Any) -> AlpacaTrader:
        name = more.pop("name", f"alpaca{next(_names)}")
        held = {"USD": "100000", "BTC": "1"} if balances is None else balances
        (made,) = self.post("/accounts", {"name": name, "venue": "alpaca", "balances": held} | more)
        return AlpacaTrader(self, name, made["api_key"], made["api_secret"])

    def fault(self, kind: str, **more: Any) -> int:
        return self.post("/faults", {"kind": kind, "venue": "alpaca", **more})["id"]

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.session.request(method, self.control_url + path, json=body, timeout=30)
        return answer.status_code, answer.json()["error"]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, self.control_url + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()
