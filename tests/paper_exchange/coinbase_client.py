"""A small client of the paper exchange's Coinbase: makes its tokens by itself."""

from __future__ import annotations

import itertools
import json
import secrets
import time
import uuid
from typing import Any

import jwt
import requests

from tests.paper_exchange.client import REPOSITORY, Paper, eventually

HOST = "api.coinbase.com"
PREFIX = "/api/v3/brokerage"
DATA = REPOSITORY / "tests" / "data" / "coinbase"
FINAL = {"FILLED", "CANCELLED", "EXPIRED", "FAILED"}
_names = itertools.count(1)


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


class CoinbaseTrader:
    """One account with its key; `key` is the key's name, `secret` its PEM."""

    def __init__(self, paper: Paper, name: str, key: str, secret: str) -> None:
        self.paper = paper
        self.name = name
        self.key = key
        self.secret = secret
        self.session = requests.Session()
        self.session.trust_env = False

    def token(self, verb: str, path: str, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for a path below the prefix; claims that are `None` are left out."""
        now = int(time.time())
        uri = f"{verb} {HOST}{PREFIX}{path}"
        wanted = {"sub": self.key, "iss": "cdp", "nbf": now, "exp": now + 120, "uri": uri} | claims
        wanted = {name: value for name, value in wanted.items() if value is not None}
        headers = {"kid": self.key, "nonce": secrets.token_hex(32)} | (header or {})
        return jwt.encode(wanted, self.secret, algorithm="ES256", headers=headers)

    def call(
        self, verb: str, path: str, body: Any = None, *, token: str | None = None, wait_s: float = 30, **query: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token(verb, path)}"}
        url = self.paper.coinbase_url + PREFIX + path
        return self.session.request(verb, url, params=query, json=body or {}, headers=headers, timeout=wait_s)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, side: str = "BUY", product_id: str = "BTC-USD", **sizes: Any) -> requests.Response:
        """A market order; `client_order_id` and `configuration` may be given too."""
        client_order_id = sizes.pop("client_order_id", None) or str(uuid.uuid4())
        configuration = sizes.pop("configuration", None) or {"market_market_ioc": sizes}
        body = {
            "client_order_id": client_order_id,
            "product_id": product_id,
            "side": side,
            "order_configuration": configuration,
        }
        return self.call("POST", "/orders", body)

    def place(self, side: str = "BUY", product_id: str = "BTC-USD", **sizes: Any) -> str:
        answer = self.submit(side, product_id, **sizes)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True, answer.text
        return answer.json()["success_response"]["order_id"]

    def limit(self, side: str, base_size: str, limit_price: str, **more: Any) -> str:
        values = {"base_size": base_size, "limit_price": limit_price} | more
        return self.place(side, configuration={"limit_limit_gtc": values})

    def order(self, order_id: str) -> dict[str, Any]:
        return self.get(f"/orders/historical/{order_id}")["order"]

    def settled(self, order_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            order = self.order(order_id)
            return order if order["status"] in FINAL else None

        return eventually(ended)

    def trade(self, side: str = "BUY", product_id: str = "BTC-USD", **sizes: Any) -> dict[str, Any]:
        return self.settled(self.place(side, product_id, **sizes))

    def refused(self, side: str = "BUY", product_id: str = "BTC-USD", **sizes: Any) -> tuple[str, str]:
        answer = self.submit(side, product_id, **sizes)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is False
        error = answer.json()["error_response"]
        assert error["error"] == error["new_order_failure_reason"]
        return error["error"], error["preview_failure_reason"]

    def wallets(self) -> dict[str, tuple[str, str]]:
        """Available and held, by currency."""
        return {
            wallet["currency"]: (wallet["available_balance"]["value"], wallet["hold"]["value"])
            for wallet in self.get("/accounts")["accounts"]
        }

    def books(self) -> dict[str, list[dict[str, Any]]]:
        return self.paper.get(f"/books?account={self.name}")


def open_coinbase(paper: Paper, balances: dict[str, str] | None = None, **more: Any) -> CoinbaseTrader:
    """An account at Coinbase."""
    name = more.pop("name", f"coinbase{next(_names)}")
    opened = paper.open(balances, name=name, venue="coinbase", **more)
    return CoinbaseTrader(paper, name, opened.key, opened.secret)
