"""One Alpaca key: alpaca-py with its session, retries, time-outs, exact numbers and errors put right."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import requests
from alpaca.common.rest import RESTClient
from alpaca.data.historical.crypto import CryptoHistoricalDataClient
from alpaca.trading.client import TradingClient

from bot.brokers.alpaca.errors import classify
from bot.brokers.alpaca.limits import (
    BALANCE_CALLS,
    CALLS_AT_ONCE,
    CALLS_PER_S,
    FILLS_A_PAGE,
    ORDERS_A_PAGE,
    ROOM_FOR_ORDERS,
)
from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.failures import translated
from bot.brokers.limiter import DecayingCounter
from bot.brokers.prepared import Prepared
from bot.brokers.transport import CurlResponse, CurlSession, HttpSession, PendingAnswer, SessionKind, make_session
from bot.domain.errors import RateLimited, SettingsError
from bot.domain.ids import VenueOrderId
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_T = TypeVar("_T")

_SUCCESSES = (200, 201, 202, 204, 207)


class AlpacaClient:
    """Asks Alpaca's trading API in the name of one key; safe to share between threads, one request at a time.

    Args:
        api_key: as Alpaca shows it.
        api_secret: likewise.
        paper: the key is one of a paper account, which has an address of its own.
        account: names the account in errors.
        url: instead of Alpaca's own addresses; the paper exchange's, for instance.
        session: ``curl``, or ``requests`` for proxies and tests.
        connect_timeout_s: for a new connection.
        read_timeout_s: for a whole call.
        clock: where time comes from.

    Raises:
        SettingsError: key or secret cannot be one.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        paper: bool = True,
        account: str = "",
        url: str | None = None,
        session: SessionKind = "curl",
        connect_timeout_s: float = 3.05,
        read_timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self.account = account
        self.paper = paper
        self._clock = clock or SystemClock()
        self.start_afresh()
        http = make_session(session, connect_timeout_s=connect_timeout_s, total_timeout_s=read_timeout_s)
        key, secret = (_checked(text, part, account) for text, part in ((api_key, "key"), (api_secret, "secret")))
        self._api = _TradingApi(key, secret, paper, url, http, self._clock)

    def __repr__(self) -> str:
        return f"AlpacaClient({self.account!r})"

    def get_account(self) -> Any:
        """What the account is and has (GET /v2/account). Raises VenueError."""
        return self._read(self._api.get_account)

    def get_clock(self) -> Any:
        """The venue's time and the stock market's hours (GET /v2/clock). Raises VenueError."""
        return self._read(lambda: self._api.get("/clock"))

    def get_positions(self) -> Any:
        """All that it holds but money (GET /v2/positions). Raises VenueError."""
        return self._read(self._api.get_all_positions)

    def get_assets(self) -> Any:
        """Every pair of coins (GET /v2/assets). Raises VenueError."""
        return self._read(lambda: self._api.get("/assets", {"asset_class": "crypto"}))

    def get_order(self, order_id: VenueOrderId) -> Any:
        """One order (GET /v2/orders/{id}). Raises VenueError, NotFound where there is none."""
        return self._read(lambda: self._api.get(f"/orders/{order_id}"))

    def get_order_by_client_id(self, client_order_id: str) -> Any:
        """The order of a name. Raises VenueError, NotFound where there is none."""
        return self._read(lambda: self._api.get_order_by_client_id(client_order_id))

    def get_orders(self, status: str, after: datetime | None = None, until: datetime | None = None) -> Any:
        """Up to 500 orders submitted between two moments, newest first (GET /v2/orders). Raises VenueError.

        Args:
            status: ``open``, ``closed`` or ``all``.
        """
        fields = {"status": status, "limit": str(ORDERS_A_PAGE), "direction": "desc"}
        moments = {"after": after, "until": until}
        fields |= {name: _text_of(moment) for name, moment in moments.items() if moment is not None}
        return self._read(lambda: self._api.get("/orders", fields))

    def get_fills(self, after: datetime, page_token: str | None = None) -> Any:
        """Up to 100 fills after a moment, oldest first (GET /v2/account/activities/FILL). Raises VenueError.

        Args:
            page_token: the id of the last one of the page before.
        """
        fields = {"after": _text_of(after), "direction": "asc", "page_size": str(FILLS_A_PAGE)}
        if page_token is not None:
            fields["page_token"] = page_token
        return self._read(lambda: self._api.get("/account/activities/FILL", fields))

    def prepare_order(self, fields: dict[str, str]) -> Prepared:
        """Make an order ready (POST /v2/orders) and send nothing.

        Until it has its answer, or is discarded, every other call of this client waits.

        Args:
            fields: strings only: the SDK's own models would make numbers of them, and lose digits.

        Raises:
            VenueUnreachable: nothing could be prepared.
        """
        self._counter.take()
        if not isinstance(self._api.session, CurlSession):
            return Prepared.whole(lambda: self._ask(lambda: self._api.post("/orders", fields)))
        pending = self._ask(lambda: self._api.prepare("/orders", fields))
        return Prepared(pending.send, lambda: self._ask(lambda: self._api.read(pending.finish())), pending.discard)

    @property
    def is_live_key(self) -> bool:
        """Whether the key is one for real money by its own beginning; one of a paper account begins with PK."""
        return self._api.keys()[0].startswith("AK")

    def socket_keys(self) -> tuple[str, str]:
        """Key and secret, which the venue's sockets are told as they are."""
        return self._api.keys()

    def read_delay(self, calls: int = BALANCE_CALLS) -> float:
        """Seconds until so many reads fit the rate limit with room for orders left; zero for now."""
        return max(self._counter.delay(calls + ROOM_FOR_ORDERS), self._limited_s())

    def start_afresh(self) -> None:
        """Forget what was counted, and what the venue said of its limit: the account is to be tried again."""
        self._counter = DecayingCounter(CALLS_AT_ONCE, CALLS_PER_S, self._clock)
        self._limited_until_ns = 0

    def close(self) -> None:
        """Close the connection."""
        self._api.session.close()

    def _read(self, call: Callable[[], _T]) -> _T:
        patience = threading.Event()
        while (delay_s := self.read_delay(1)) > 0:
            limited_s = self._limited_s()
            if limited_s > 0:
                # Waiting here would keep the account's orders waiting, for up to a minute.
                raise RateLimited("the venue's limit on calls is reached", limited_s)
            patience.wait(delay_s)
        self._counter.take()
        return self._ask(call)

    def _limited_s(self) -> float:
        return max((self._limited_until_ns - self._clock.monotonic_ns()) / 1e9, 0.0)

    def _ask(self, call: Callable[[], _T]) -> _T:
        try:
            return translated(call)
        except RateLimited as error:
            self._counter.exhaust()
            self._limited_until_ns = self._clock.monotonic_ns() + int(error.retry_after_s * 1e9)
            raise


class AlpacaPrices:
    """Asks Alpaca's market data, which need no key; safe to share between threads, one request at a time.

    Args:
        url: instead of Alpaca's own address.
        session: ``curl`` or ``requests``.
        connect_timeout_s: for a new connection.
        read_timeout_s: for a whole call.
        clock: where time comes from.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        session: SessionKind = "curl",
        connect_timeout_s: float = 3.05,
        read_timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        http = make_session(session, connect_timeout_s=connect_timeout_s, total_timeout_s=read_timeout_s)
        self._api = _PricesApi(url, http, clock or SystemClock())

    def latest_quotes(self, names: Iterable[str]) -> Any:
        """Best prices of pairs in the venue's own spelling, ``BTC/USD`` (GET /v1beta3/crypto/us/latest/quotes).

        Raises:
            VenueError: they could not be had.
        """
        fields = {"symbols": ",".join(names)}
        return translated(lambda: self._api.get("/crypto/us/latest/quotes", fields))

    def close(self) -> None:
        """Close the connection."""
        self._api.session.close()


class _ThinApi(RESTClient):
    """What both of the SDK's clients get instead of their own: session, reading, and no retries."""

    _session: Any
    _wall: Callable[[], float]

    @property
    def session(self) -> HttpSession:
        session: HttpSession = self._session
        return session

    def read(self, response: CurlResponse | requests.Response) -> Any:
        if response.status_code not in _SUCCESSES:
            raise classify(response.status_code, response.text, response.headers, self._wall)
        return json.loads(response.content, **EXACT_NUMBERS)

    def _take(self, session: HttpSession, clock: Clock) -> None:
        self._session.close()
        self._session = session
        self._wall = clock.time
        # The SDK would send an order again after a 504.
        self._retry = 0

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self.read(self._session.request(method, url, **opts))


class _TradingApi(_ThinApi, TradingClient):
    def __init__(self, key: str, secret: str, paper: bool, url: str | None, session: HttpSession, clock: Clock) -> None:
        TradingClient.__init__(self, key, secret, paper=paper, raw_data=True, url_override=url)
        self._take(session, clock)

    def keys(self) -> tuple[str, str]:
        return str(self._api_key), str(self._secret_key)

    def prepare(self, path: str, fields: dict[str, str]) -> PendingAnswer:
        # The SDK's own way to an address and its headers, up to the moment of sending.
        url = f"{_plain_url(self._base_url)}/{self._api_version}{path}"
        pending: PendingAnswer = self._session.prepare("POST", url, json=fields, headers=self._get_default_headers())
        return pending


class _PricesApi(_ThinApi, CryptoHistoricalDataClient):
    def __init__(self, url: str | None, session: HttpSession, clock: Clock) -> None:
        CryptoHistoricalDataClient.__init__(self, raw_data=True, url_override=url)
        self._take(session, clock)


def _plain_url(url: str) -> str:
    return str(getattr(url, "value", url))


def _text_of(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _checked(text: str, part: str, account: str) -> str:
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        owner = f"{account}: " if account else ""
        raise SettingsError(
            f"{owner}the ALPACA API {part} cannot be one; copy it again from Alpaca's dashboard, whole, in one line"
        )
    return text
