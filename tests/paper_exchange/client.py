"""A small client of the paper exchange: signs by itself, so that the exchange is not tested with its own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import requests

from tests.warm import REPOSITORY as REPOSITORY
from tests.warm import WarmProcess, start_warm

_names = itertools.count(1)


def sign(secret: str, path: str, nonce: str, body: bytes) -> str:
    inner = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(base64.b64decode(secret), path.encode() + inner, hashlib.sha512).digest()).decode()


class Trader:
    """One account with its key; `call` answers the parsed envelope."""

    def __init__(self, paper: Paper, name: str, key: str, secret: str) -> None:
        self.paper = paper
        self.name = name
        self.key = key
        self.secret = secret
        self.last_nonce = 0
        self.session = requests.Session()
        self.session.trust_env = False

    def nonce(self) -> int:
        self.last_nonce = max(time.time_ns(), self.last_nonce + 1)
        return self.last_nonce

    def prepare(self, method: str, fields: dict[str, Any], *, as_json: bool = False) -> requests.PreparedRequest:
        path = f"/0/private/{method}"
        fields = {"nonce": str(self.nonce()), **fields}
        body = (json.dumps(fields) if as_json else urlencode(fields)).encode()
        headers = {
            "API-Key": self.key,
            "API-Sign": sign(self.secret, path, str(fields["nonce"]), body),
            "Content-Type": "application/json" if as_json else "application/x-www-form-urlencoded",
        }
        return requests.Request("POST", self.paper.kraken_url + path, data=body, headers=headers).prepare()

    def send(self, prepared: requests.PreparedRequest, wait_s: float = 30) -> requests.Response:
        return self.session.send(prepared, timeout=wait_s)

    def call(self, method: str, *, as_json: bool = False, wait_s: float = 30, **fields: Any) -> dict[str, Any]:
        answer = self.send(self.prepare(method, fields, as_json=as_json), wait_s)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def result(self, method: str, **fields: Any) -> Any:
        envelope = self.call(method, **fields)
        for _ in range(5):
            if envelope["error"] != ["EAPI:Invalid nonce"]:
                break
            # A bot works with the same key, and a later nonce of its own was faster.
            envelope = self.call(method, **fields)
        assert envelope["error"] == [], envelope
        return envelope["result"]

    def error(self, method: str, **fields: Any) -> str:
        envelope = self.call(method, **fields)
        assert "result" not in envelope
        (text,) = envelope["error"]
        return text

    def market(self, side: str, volume: str, pair: str = "XBTUSD", **more: Any) -> str:
        fields = {"type": side, "ordertype": "market", "volume": volume, "pair": pair} | more
        return self.result("AddOrder", **fields)["txid"][0]

    def limit(self, side: str, volume: str, price: str, pair: str = "XBTUSD", **more: Any) -> str:
        fields = {"type": side, "ordertype": "limit", "volume": volume, "price": price, "pair": pair} | more
        return self.result("AddOrder", **fields)["txid"][0]

    def order(self, order_id: str) -> dict[str, Any]:
        return self.result("QueryOrders", txid=order_id, trades="true")[order_id]

    def books(self) -> dict[str, list[dict[str, Any]]]:
        return self.paper.get(f"/books?account={self.name}")


class Paper:
    """A running exchange and its control API."""

    def __init__(self, urls: dict[str, Any], process: WarmProcess) -> None:
        self.kraken_url: str = urls["kraken_url"]
        self.coinbase_url: str = urls["coinbase_url"]
        self.alpaca_url: str | None = urls.get("alpaca_url")
        #: By venue, of those that have sockets.
        self.socket_urls = {name.removesuffix("_ws_url"): url for name, url in urls.items() if name.endswith("_ws_url")}
        self.control_url: str = urls["control_url"]
        self.process = process
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

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.session.request(method, self.control_url + path, json=body, timeout=30)
        return answer.status_code, answer.json()["error"]

    def public(self, method: str, **query: Any) -> dict[str, Any]:
        answer = self.session.get(f"{self.kraken_url}/0/public/{method}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open(self, balances: dict[str, str] | None = None, **more: Any) -> Trader:
        name = more.pop("name", f"trader{next(_names)}")
        wanted = {"name": name, "balances": {"USD": "100000", "BTC": "1"} if balances is None else balances} | more
        (made,) = self.post("/accounts", wanted)
        return Trader(self, name, made["api_key"], made["api_secret"])

    def account(self, trader: Trader) -> dict[str, Any]:
        return self.get(f"/accounts/{trader.name}")

    def fault(self, kind: str, **more: Any) -> int:
        return self.post("/faults", {"kind": kind, **more})["id"]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, self.control_url + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(*arguments: str) -> Iterator[Paper]:
    """An exchange of its own, ended at the end."""
    words = ["-m", "paper_exchange", "--port", "0", "--control-port", "0", *arguments]
    process = start_warm(words, stderr=False)
    try:
        yield Paper(json.loads(process.stdout.readline()), process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def eventually(check: Any, seconds: float = 30.0) -> Any:
    """The first true answer of `check`, or a failure when there is none in time."""
    deadline = time.monotonic() + seconds
    pause_s = 0.01
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        # What is looked at has to get on meanwhile.
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.1)
    raise AssertionError("it did not happen in time")
