"""One connection's subscriptions and what it hears (Coinbase docs, WebSocket Overview and Channels)."""

from __future__ import annotations

import asyncio
import itertools
import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from paper_exchange.coinbase.errors import CoinbaseError
from paper_exchange.coinbase.formats import iso
from paper_exchange.coinbase.keys import ApiKey, verify_for_socket
from paper_exchange.coinbase.venue import Coinbase
from paper_exchange.coinbase.websocket.user_channel import UserChannel, UserOrders
from paper_exchange.core.sockets import Wire

USER, HEARTBEATS = "user", "heartbeats"
_SUBSCRIPTIONS = "subscriptions"
_SUBSCRIBE_WITHIN_S = 5.0
_BEAT_S = 1.0
_log = logging.getLogger(__name__)


class Refusal(Exception):
    """A message that is answered with an error, which belongs to no channel."""


class Session:
    """What one client may ask and hears. Every method here is atomic; none waits."""

    def __init__(self, venue: Coinbase, wire: Wire) -> None:
        self._venue = venue
        self._clock = venue.exchange.clock
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._numbers, self._beats = itertools.count(), itertools.count(1)
        self._user: UserChannel | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Gives the client a few seconds to subscribe to something."""
        self._giving_up = self._loop.call_later(_SUBSCRIBE_WITHIN_S, self._wire.close)

    def hear(self, text: str) -> None:
        """Answers one message of the client."""
        try:
            self._answer(text)
        except Refusal as refusal:
            self._refuse(str(refusal))
        except Exception:
            _log.exception("a message was not understood")
            self._refuse("internal error")

    def end(self) -> None:
        """Ends all subscriptions: the client is gone."""
        self._stop_user()
        self._stop_beating()
        self._wait_no_more()

    def _answer(self, text: str) -> None:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict) or request.get("type") not in ("subscribe", "unsubscribe"):
            raise Refusal("subscribe or unsubscribe required")
        channel, subscribes = request.get("channel"), request["type"] == "subscribe"
        if channel == USER:
            self._ask_user(self._key(request), self._products(request), subscribes=subscribes)
        elif channel == HEARTBEATS:
            self._ask_heartbeats(self._key(request) if "jwt" in request else None, subscribes=subscribes)
        else:
            raise Refusal("failure to subscribe" if subscribes else "failure to unsubscribe")

    def _ask_user(self, key: ApiKey, products: list[str], *, subscribes: bool) -> None:
        if self._user is not None and self._user.key is not key:
            raise Refusal("authentication failure")
        if not subscribes:
            self._leave_user(products)
            self._say_subscriptions()
            return
        if self._user is None:
            self._user = UserChannel(key, self._venue.exchange.market, products, self._tell)
        else:
            self._user.widen(products)
        self._wire.accounts = {key.account.name}
        self._wait_no_more()
        self._say_subscriptions()
        self._wire.send(self._numbered(USER, {"type": "snapshot", "orders": self._user.open_orders()}))

    def _leave_user(self, products: list[str]) -> None:
        if self._user is None:
            return
        # Of all products single ones cannot be left.
        rest = self._user.products - set(products)
        if products and (rest or not self._user.products):
            self._user.products = rest
        else:
            self._stop_user()
            self._wire.accounts = set()
            self._wire.channels.pop(USER, None)

    def _ask_heartbeats(self, key: ApiKey | None, *, subscribes: bool) -> None:
        if not subscribes:
            self._stop_beating()
            self._wire.channels.pop(HEARTBEATS, None)
        elif self._beating is None:
            self._beating = self._loop.call_later(_BEAT_S, self._beat)
        if subscribes:
            self._wait_no_more()
            if key is not None:
                self._wire.accounts.add(key.account.name)
        self._say_subscriptions()

    def _beat(self) -> None:
        self._beating = self._loop.call_later(_BEAT_S, self._beat)
        # A number that is not sent would be missed after the silence, as an update that was lost.
        if self._wire.silent_for_s > 0:
            return
        at = datetime.fromtimestamp(self._clock.now(), UTC)
        event = {"current_time": f"{at:%Y-%m-%d %H:%M:%S.%f}000+00:00", "heartbeat_counter": next(self._beats)}
        self._wire.send(self._numbered(HEARTBEATS, event))

    def _tell(self, orders: UserOrders) -> None:
        self._wire.send_update(self._numbered(USER, {"type": "update", "orders": orders}))

    def _say_subscriptions(self) -> None:
        names: dict[str, list[str]] = {}
        if self._beating is not None:
            names[HEARTBEATS] = [HEARTBEATS]
        if self._user is not None:
            names[USER] = sorted(self._user.products) or [self._user.key.user_id]
        self._wire.send(self._numbered(_SUBSCRIPTIONS, {"subscriptions": names}))

    def _numbered(self, channel: str, event: dict[str, Any]) -> str:
        number = next(self._numbers)
        if channel != _SUBSCRIPTIONS:
            self._wire.channels[channel] = number
        message = {
            "channel": channel,
            "client_id": "",
            "timestamp": iso(self._clock.now()),
            "sequence_num": number,
            "events": [event],
        }
        return orjson.dumps(message).decode()

    def _refuse(self, text: str) -> None:
        self._wire.send(orjson.dumps({"type": "error", "message": text}).decode())

    def _key(self, request: dict[str, Any]) -> ApiKey:
        try:
            key = verify_for_socket(self._venue.keys, str(request.get("jwt", "")), self._clock.now())
        except CoinbaseError:
            raise Refusal("authentication failure") from None
        if not key.can_view:
            raise Refusal("authentication failure")
        return key

    def _products(self, request: dict[str, Any]) -> list[str]:
        products, known = request.get("product_ids") or [], self._venue.catalogue.products
        if not isinstance(products, list) or not all(isinstance(name, str) and name in known for name in products):
            raise Refusal("failure to subscribe")
        return products

    def _stop_user(self) -> None:
        if self._user is not None:
            self._user.end()
            self._user = None

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def _wait_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
