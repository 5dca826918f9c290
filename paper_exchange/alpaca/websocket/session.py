"""One connection's requests and their answers (Alpaca docs, WebSocket Streaming)."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from paper_exchange.alpaca.errors import AlpacaError
from paper_exchange.alpaca.keys import ApiKey
from paper_exchange.alpaca.venue import Alpaca
from paper_exchange.alpaca.websocket.updates import TradeUpdates, Update
from paper_exchange.core.sockets import Wire

TRADE_UPDATES = "trade_updates"
_log = logging.getLogger(__name__)


class Unreadable(Exception):
    """A message that makes no sense: it is answered with an error, and the connection ends."""


class Session:
    """What one client may ask and hears. Every method here is atomic; none waits."""

    def __init__(self, venue: Alpaca, wire: Wire) -> None:
        self._venue = venue
        self._wire = wire
        self._key: ApiKey | None = None
        self._updates: TradeUpdates | None = None
        self._told = 0
        self._actions = {"authenticate": self._authenticate, "auth": self._authenticate, "listen": self._listen}

    def begin(self) -> None:
        """The venue says nothing of its own accord."""

    def hear(self, text: str) -> None:
        """Answers one message of the client."""
        try:
            self._answer(text)
        except Unreadable as error:
            self._give_up(str(error))
        except Exception:
            _log.exception("a message was not understood")
            self._give_up("internal server error")

    def end(self) -> None:
        """Ends all listening: the client is gone."""
        self._stop_listening()

    def _answer(self, text: str) -> None:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            raise Unreadable("invalid syntax")
        action = self._actions.get(str(request.get("action")))
        if action is None:
            raise Unreadable("invalid action")
        action(request)

    def _authenticate(self, request: dict[str, Any]) -> None:
        # Two forms are in use: the documented one is flat, the official SDK's is nested.
        given = _data(request)
        key, secret = given.get("key_id", request.get("key")), given.get("secret_key", request.get("secret"))
        try:
            found = self._venue.keys.identify(str(key), str(secret))
        except AlpacaError:
            self._say_authorization("unauthorized", "authenticate")
            return
        if found is not self._key:
            self._stop_listening()
        self._key = found
        self._say_authorization("authorized", "authenticate")

    def _listen(self, request: dict[str, Any]) -> None:
        if self._key is None:
            self._say_authorization("unauthorized", "listen")
            return
        streams = _data(request).get("streams")
        # What is listed is all that is wanted from now on; what the venue does not have is left out of the answer.
        wanted = isinstance(streams, list) and TRADE_UPDATES in streams
        if not wanted:
            self._stop_listening()
        elif self._updates is None:
            self._updates = TradeUpdates(self._key, self._venue.catalogue, self._tell)
            self._wire.accounts = {self._key.account.name}
            self._wire.channels = {TRADE_UPDATES: self._told}
        self._wire.send(self._frame("listening", {"streams": [TRADE_UPDATES] if wanted else []}))

    def _tell(self, update: Update) -> None:
        self._told += 1
        self._wire.channels[TRADE_UPDATES] = self._told
        self._wire.send_update(self._frame(TRADE_UPDATES, update))

    def _say_authorization(self, status: str, action: str) -> None:
        self._wire.send(self._frame("authorization", {"status": status, "action": action}))

    def _frame(self, stream: str, data: dict[str, Any]) -> str | bytes:
        return self._packed({"stream": stream, "data": data})

    def _give_up(self, text: str) -> None:
        self._wire.send(self._packed({"action": "error", "data": {"error_message": text}}))
        self._wire.finish()

    def _packed(self, message: dict[str, Any]) -> str | bytes:
        packed = orjson.dumps(message)
        return packed.decode() if self._key is not None and self._key.text_frames else packed

    def _stop_listening(self) -> None:
        if self._updates is not None:
            self._updates.end()
            self._updates = None
        self._wire.accounts, self._wire.channels = set(), {}


def _data(request: dict[str, Any]) -> dict[str, Any]:
    data = request.get("data")
    return data if isinstance(data, dict) else {}
