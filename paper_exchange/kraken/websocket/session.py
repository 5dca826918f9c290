"""One connection's requests and their answers (Kraken WebSocket v2 docs; recorded refusals)."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import orjson

from paper_exchange.core.sockets import Wire
from paper_exchange.kraken.errors import INTERNAL_ERROR, PERMISSION_DENIED
from paper_exchange.kraken.formats import rfc3339
from paper_exchange.kraken.keys import ApiKey
from paper_exchange.kraken.limits import LIMITS
from paper_exchange.kraken.venue import Kraken
from paper_exchange.kraken.websocket import balances
from paper_exchange.kraken.websocket.executions import ExecutionReports
from paper_exchange.kraken.websocket.subscriptions import Balances, Executions, Subscription

INVALID_SESSION = "ESession:Invalid session"
_PUBLIC_CHANNELS = frozenset({"ticker", "book", "level3", "ohlc", "trade", "instrument"})
_PUBLIC_CHANNEL = "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"
_PERMISSIONS = {
    Executions.channel: frozenset({"query-open-trades", "query-closed-trades"}),
    Balances.channel: frozenset({"query-funds"}),
}
_VERSION = "2.0.10"
_log = logging.getLogger(__name__)


class Refusal(Exception):
    """A request that is answered with an error; `details` are further fields of the answer."""

    def __init__(self, text: str, **details: str) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


class Session:
    """What one client may ask and hears. Every method here is atomic; none waits."""

    def __init__(self, venue: Kraken, wire: Wire) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._wire = wire
        self._reports = ExecutionReports(venue.exchange, venue.catalogue)
        self._subscriptions: dict[str, Subscription] = {}
        self._used_tokens: dict[str, ApiKey] = {}
        self._methods = {"ping": self._ping, "subscribe": self._subscribe, "unsubscribe": self._unsubscribe}

    def begin(self) -> None:
        """Tells the state of the venue, as the first thing on every connection."""
        row: dict[str, Any] = {
            "version": _VERSION,
            "system": self._exchange.settings.system_status.value,
            "api_version": "v2",
            "connection_id": secrets.randbits(64),
            "upcoming_maintenance": [],
            "emergency": [],
        }
        self._say({"channel": "status", "type": "update", "data": [row]})

    def hear(self, text: str) -> None:
        """Answers one message of the client."""
        came_in = self._now()
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            self._refuse({}, Refusal("Malformed request"), came_in)
            return
        method = self._methods.get(str(request.get("method")))
        try:
            if method is None:
                raise Refusal("Unsupported method")
            method(request, came_in)
        except Refusal as refusal:
            self._refuse(request, refusal, came_in)
        except Exception:
            _log.exception("%s failed", request.get("method"))
            self._refuse(request, Refusal(INTERNAL_ERROR), came_in)

    def end(self) -> None:
        """Ends all subscriptions: the client is gone."""
        for subscription in self._subscriptions.values():
            subscription.end()
        self._subscriptions.clear()

    def _ping(self, request: dict[str, Any], came_in: str) -> None:
        self._say({"method": "pong", **_numbered(request), **self._times(came_in)})

    def _subscribe(self, request: dict[str, Any], came_in: str) -> None:
        parameters = _parameters(request)
        channel = str(parameters.get("channel"))
        if channel in _PUBLIC_CHANNELS:
            raise Refusal(_PUBLIC_CHANNEL)
        if channel not in _PERMISSIONS:
            raise Refusal("Unsupported channel")
        key = self._key(channel, parameters)
        if channel in self._subscriptions:
            raise Refusal("Already subscribed", channel=channel)
        if channel == Executions.channel:
            self._start_executions(request, key, parameters, came_in)
        else:
            self._start_balances(request, key, parameters, came_in)

    def _start_executions(self, request: dict[str, Any], key: ApiKey, wanted: dict[str, Any], came_in: str) -> None:
        orders, trades = wanted.get("snap_orders", True) is True, wanted.get("snap_trades", False) is True
        points = int(LIMITS[key.tier].order_points)
        result = {"maxratecount": points, "snap_orders": orders, "snap_trades": trades}
        rows = self._reports.snapshot(key.account, orders=orders, trades=trades) if orders or trades else None
        subscription = Executions(self._wire, key.account, self._reports)
        self._start(request, subscription, rows, result, came_in)

    def _start_balances(self, request: dict[str, Any], key: ApiKey, wanted: dict[str, Any], came_in: str) -> None:
        with_snapshot = wanted.get("snapshot", True) is True
        rows = balances.snapshot(key.account, self._venue.catalogue) if with_snapshot else None
        subscription = Balances(self._wire, key.account, self._venue.catalogue)
        self._start(request, subscription, rows, {"snapshot": with_snapshot}, came_in)

    def _start(
        self,
        request: dict[str, Any],
        subscription: Subscription,
        rows: list[dict[str, Any]] | None,
        result: dict[str, Any],
        came_in: str,
    ) -> None:
        self._subscriptions[subscription.channel] = subscription
        self._follow_subscriptions()
        self._acknowledge(request, {"channel": subscription.channel, **result}, came_in)
        subscription.start(rows)

    def _unsubscribe(self, request: dict[str, Any], came_in: str) -> None:
        parameters = _parameters(request)
        channel = str(parameters.get("channel"))
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            raise Refusal("Subscription Not Found", channel=channel)
        if self._key(channel, parameters).account is not subscription.account:
            raise Refusal(INVALID_SESSION, channel=channel, status="error")
        del self._subscriptions[channel]
        subscription.end()
        self._follow_subscriptions()
        self._acknowledge(request, {"channel": channel}, came_in)

    def _key(self, channel: str, parameters: dict[str, Any]) -> ApiKey:
        token = str(parameters.get("token"))
        key = self._venue.keys.identify_token(token, self._exchange.clock.now())
        if key is None and self._subscriptions:
            # A token that was used in time lives as long as the connection has a subscription.
            key = self._used_tokens.get(token)
        if key is None:
            raise Refusal(INVALID_SESSION, channel=channel, status="error")
        if not _PERMISSIONS[channel] & key.permissions:
            raise Refusal(PERMISSION_DENIED, channel=channel)
        self._used_tokens[token] = key
        return key

    def _follow_subscriptions(self) -> None:
        names = {subscription.account.name for subscription in self._subscriptions.values()}
        self._wire.accounts = names
        self._wire.channels = {channel: one.sequence for channel, one in self._subscriptions.items()}
        if self._wire.beating != bool(names):
            self._wire.beat(bool(names))

    def _acknowledge(self, request: dict[str, Any], result: dict[str, Any], came_in: str) -> None:
        answer = {"method": request["method"], "result": result, "success": True}
        self._say(answer | _numbered(request) | self._times(came_in))

    def _refuse(self, request: dict[str, Any], refusal: Refusal, came_in: str) -> None:
        answer = {**refusal.details, "error": refusal.text, "method": str(request.get("method", "")), "success": False}
        self._say(answer | _numbered(request) | self._times(came_in))

    def _times(self, came_in: str) -> dict[str, str]:
        return {"time_in": came_in, "time_out": self._now()}

    def _now(self) -> str:
        return rfc3339(self._exchange.clock.now())

    def _say(self, message: dict[str, Any]) -> None:
        self._wire.send(orjson.dumps(message).decode())


def _parameters(request: dict[str, Any]) -> dict[str, Any]:
    parameters = request.get("params")
    return parameters if isinstance(parameters, dict) else {}


def _numbered(request: dict[str, Any]) -> dict[str, Any]:
    return {"req_id": request["req_id"]} if "req_id" in request else {}
