"""One Coinbase key: the SDK with its tokens, time-outs, exact numbers and errors put right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from coinbase.constants import API_PREFIX, USER_AGENT
from coinbase.rest import RESTClient

from bot.brokers.coinbase.errors import TokenRefused, status_error
from bot.brokers.coinbase.limits import READ_BURST, READS_PER_S
from bot.brokers.coinbase.tokens import TokenMaker, load_key
from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.failures import translated
from bot.brokers.limiter import DecayingCounter
from bot.brokers.prepared import Prepared
from bot.brokers.transport import CurlResponse, CurlSession, HttpSession, SessionKind, make_session
from bot.domain.errors import RateLimited, SettingsError
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_ORDERS = f"{API_PREFIX}/orders"
_PREVIEW = f"{_ORDERS}/preview"
#: Seconds beyond its deadline that an order's token lives: for the way there, and for clocks.
_ON_THE_WAY_S = 2.0

#: Query of a GET: a list is a parameter that comes several times, None is left out.
Params = Mapping[str, str | int | list[str] | None]


class CoinbaseClient:
    """Asks Coinbase in the name of one key, or of nobody when there is none; safe to share between threads.

    Answers are the venue's own objects, not the SDK's models: those raise on a null where they expect a list, after the
    order was placed.

    Args:
        api_key: the key's name; empty for public calls only.
        api_secret: its private key, see :func:`bot.brokers.coinbase.tokens.load_key`.
        account: names the account in errors.
        url: where the API is; the paper exchange's, for instance. Tokens name the venue's own host all the same.
        session: ``curl``, or ``requests`` for proxies and tests.
        connect_timeout_s: for a new connection.
        read_timeout_s: for a whole call.
        order_deadline_s: how long after it is signed an order may still be taken by the venue.
        clock: where time comes from.

    Raises:
        SettingsError: the secret holds no key that can sign.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        account: str = "",
        url: str = "https://api.coinbase.com",
        session: SessionKind = "curl",
        connect_timeout_s: float = 3.05,
        read_timeout_s: float = 10.0,
        order_deadline_s: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self.account = account
        self._clock = clock or SystemClock()
        self._counter = DecayingCounter(READ_BURST, READS_PER_S, self._clock)
        self._tokens = None
        self._orders_end_ns = 0
        if api_key or api_secret:
            # Loaded once: reading a PEM takes half as long as a whole order.
            key = load_key(api_secret, account)
            self._tokens = TokenMaker(api_key.strip(), key, self._clock, order_deadline_s + _ON_THE_WAY_S, account)
            # An earlier process may have sent an order just before it ended.
            self._orders_end_ns = self._tokens.latest_end_ns
        http = make_session(session, connect_timeout_s=connect_timeout_s, total_timeout_s=read_timeout_s)
        self._api = _Api(self._tokens, url.rstrip("/"), http)

    def __repr__(self) -> str:
        return f"CoinbaseClient({self.account or 'public'!r})"

    @property
    def orders_end_ns(self) -> int:
        """Monotonic nanoseconds from when on the venue takes none of the orders that were signed so far."""
        return self._orders_end_ns

    def get_public(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer to a public GET.

        Args:
            path: below ``/api/v3/brokerage``.

        Raises:
            VenueError: by what is known of the call.
        """
        return self._ask(lambda: self._api.get(f"{API_PREFIX}{path}", params=dict(params or {}), public=True))

    def get(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer to a private GET; waits first until it fits the rate limit.

        A refused token is tried once more with a new one: good ones are refused now and then.

        Args:
            path: below ``/api/v3/brokerage``.

        Raises:
            SettingsError: the client has no key.
            VenueError: by what is known of the call.
        """
        self._need_key()

        def ask() -> dict[str, Any]:
            self._counter.acquire()
            return self._ask(lambda: self._api.get(f"{API_PREFIX}{path}", params=dict(params or {})))

        try:
            return ask()
        except TokenRefused:
            return ask()

    def prepare_order(self, body: Mapping[str, Any]) -> Prepared:
        """Sign a new order and send nothing.

        Orders do not wait for the rate limit, reads leave room for them. With the curl session every other call of this
        client waits until the order has its answer, or is discarded.

        Raises:
            SettingsError: the client has no key.
            VenueUnreachable: nothing could be prepared.
        """
        self._need_key()
        content = dict(body)
        headers = self._order_headers()
        session = self._api.session
        if not isinstance(session, CurlSession):
            return Prepared.whole(lambda: self._order_answer(lambda: self._api.post_order(content, headers), content))
        pending = translated(
            lambda: session.prepare("POST", f"{self._api.url}{_ORDERS}", json=content, headers=headers)
        )
        return Prepared(
            pending.send, lambda: self._order_answer(lambda: self._api.read(pending.finish()), content), pending.discard
        )

    def preview_order(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the venue says of an order that it does not place (Preview Order).

        Args:
            body: an order without its client order id.

        Raises:
            SettingsError: the client has no key.
            VenueError: by what is known of the call.
        """
        self._need_key()
        assert self._tokens is not None
        self._counter.acquire()
        headers = self._api.headers_with(self._tokens.make("POST", _PREVIEW).text)
        return self._ask(lambda: self._api.send_request("POST", _PREVIEW, None, headers, dict(body)))

    def socket_token(self) -> str:
        """A token for one subscription of a socket.

        Raises:
            SettingsError: the client has no key.
        """
        self._need_key()
        assert self._tokens is not None
        return self._tokens.make_for_socket()

    def read_delay(self, calls: int = 1) -> float:
        """Seconds until so many private reads fit the rate limit one right after the other; zero for now."""
        return self._counter.delay(calls)

    def close(self) -> None:
        """Close the connection."""
        self._api.session.close()

    def _order_answer(self, answer: Callable[[], dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._ask(answer)
        except TokenRefused:
            # Refused before it was looked at, so nothing was placed; and it is the same order under the same name.
            return self._ask(lambda: self._api.post_order(body, self._order_headers()))

    def _order_headers(self) -> dict[str, str]:
        assert self._tokens is not None
        self._counter.take()
        token = self._tokens.make("POST", _ORDERS)
        self._orders_end_ns = token.ends_ns
        return self._api.headers_with(token.text)

    def _need_key(self) -> None:
        if self._tokens is None:
            raise SettingsError(f"{self.account or 'this account'}: there is no Coinbase API key; set key and secret")

    def _ask(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return translated(call)
        except RateLimited:
            self._counter.exhaust()
            raise


class _Api(RESTClient):  # type: ignore[misc]
    session: Any

    def __init__(self, tokens: TokenMaker | None, url: str, session: HttpSession) -> None:
        # The SDK gets no secret: tokens are made here. Left to its defaults it would take keys from the environment.
        name = None if tokens is None else ""
        super().__init__(api_key=name, api_secret=name)
        _silence("coinbase.RESTClient")
        self.session.close()
        self.session = session
        self.url = url
        self._tokens = tokens

    def set_headers(self, method: str, path: str) -> dict[str, str]:
        return self.headers_with("" if self._tokens is None else self._tokens.make(method, path).text)

    def headers_with(self, token: str) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Content-Type": "application/json"}
        return {**headers, "Authorization": f"Bearer {token}"} if token else headers

    def post_order(self, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        return self.send_request("POST", _ORDERS, None, headers, body)

    def send_request(
        self, http_method: str, url_path: str, params: Any, headers: dict[str, str], data: Any = None
    ) -> dict[str, Any]:
        # The SDK's own would send every GET with a body, log the bodies of errors, and read numbers as float.
        address = f"{self.url}{url_path}"
        response = self.session.request(http_method, address, params=params, json=data, headers=headers)
        self._learn(response)
        return self.read(response)

    def read(self, response: CurlResponse) -> dict[str, Any]:
        if not 200 <= response.status_code < 300:
            self._learn(response)
            raise status_error(response.status_code, _json_or_none(response), response.headers.get("Retry-After"))
        answer = response.json(**EXACT_NUMBERS)
        if not isinstance(answer, dict):
            raise TypeError("no object")
        return answer

    def _learn(self, response: CurlResponse) -> None:
        if self._tokens is not None:
            self._tokens.learn(response.headers.get("Date"))


def _silence(logger: str) -> None:
    # It writes to stderr by a handler of its own, past every filter for secrets.
    log = logging.getLogger(logger)
    log.handlers.clear()
    log.disabled = True


def _json_or_none(response: CurlResponse) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
