"""Fan-outs without a bot, to measure the bot against: bare krakenex and bare libcurl, one thread an account."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Self
from urllib.parse import urlencode

import krakenex
import pycurl

#: Places one order or asks one thing: method and parameters in, the answer's bytes dropped.
_Call = Callable[[str, dict[str, str]], None]


class BareFanout:
    """A master and its followers: every follower's thread waits for the master's answer and sends one order.

    Args:
        calls: one a follower, the master's first; each is used by one thread only.
    """

    def __init__(self, calls: Sequence[_Call]) -> None:
        self._master, *self._followers = calls
        self._go = threading.Barrier(len(self._followers) + 1)
        self._done = threading.Barrier(len(self._followers) + 1)
        self._order: dict[str, str] | None = {}
        self._threads = [threading.Thread(target=self._follow, args=(call,), daemon=True) for call in self._followers]

    def __enter__(self) -> Self:
        for call in (self._master, *self._followers):
            call("Balance", {})  # opens the connection, as the bot's are open
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._order = None
        self._go.wait()
        for thread in self._threads:
            thread.join()

    def trade(self, pair: str, volume: str) -> None:
        """One order of the master, then one of every follower; returns when all were answered."""
        self._order = {"ordertype": "market", "type": "buy", "volume": volume, "pair": pair}
        self._master("AddOrder", dict(self._order))
        self._go.wait()
        self._done.wait()

    def _follow(self, call: _Call) -> None:
        while True:
            self._go.wait()
            if self._order is None:
                return
            try:
                call("AddOrder", dict(self._order))
            finally:
                self._done.wait()


def krakenex_fanout(url: str, accounts: Sequence[Mapping[str, str]]) -> BareFanout:
    """krakenex as it comes, one object an account."""

    def make(account: Mapping[str, str]) -> _Call:
        api = krakenex.API(account["api_key"], account["api_secret"])
        api.uri = url
        return lambda method, parameters: api.query_private(method, parameters)

    return BareFanout([make(account) for account in accounts])


def libcurl_fanout(url: str, accounts: Sequence[Mapping[str, str]]) -> BareFanout:
    """One libcurl handle an account, the least that can be sent."""
    return BareFanout([_libcurl_call(url, account["api_key"], account["api_secret"]) for account in accounts])


def _libcurl_call(url: str, key: str, secret: str) -> _Call:
    handle, decoded = pycurl.Curl(), base64.b64decode(secret)
    handle.setopt(pycurl.NOSIGNAL, 1)

    def call(method: str, parameters: dict[str, str]) -> None:
        path, nonce = f"/0/private/{method}", str(time.time_ns())
        body = urlencode({**parameters, "nonce": nonce})
        message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
        signature = base64.b64encode(hmac.new(decoded, message, hashlib.sha512).digest()).decode()
        handle.setopt(pycurl.URL, url + path)
        handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.HTTPHEADER, [f"API-Key: {key}", f"API-Sign: {signature}", "Expect:"])
        handle.setopt(pycurl.WRITEFUNCTION, BytesIO().write)
        handle.perform()

    return call
