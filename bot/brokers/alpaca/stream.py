"""What trades on an Alpaca account, by its socket (Alpaca docs, "Websocket Streaming", trade_updates)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from bot.brokers.alpaca.fees import fee_in, fee_of
from bot.brokers.answers import amount_of, list_of, mapping_of, moment_of, text_of
from bot.brokers.failures import one_line
from bot.brokers.order_fields import client_order_id_of, side_of
from bot.brokers.stream import (
    Conversation,
    Interrupted,
    KnownSymbols,
    Message,
    Say,
    SocketStream,
    StreamTiming,
    TurnedAway,
)
from bot.domain.errors import VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.money import ZERO, positive
from bot.domain.ports import Clock, ExecutionListener

_UPDATES = "trade_updates"
_FILL = "fill"
_FILLS = frozenset({_FILL, "partial_fill"})
_CRYPTO = "crypto"


class AlpacaTradeUpdates(SocketStream):
    """Implements :class:`bot.domain.ports.ExecutionStream` for one account.

    Args:
        url: of the trading socket, ``.../stream``.
        symbol_of: the canonical symbol of ``BTC/USD``; raises InvalidAmount for one that is not listed.
        fee_rate: tells the account's, 0.0025 is 0.25 %: no update names a fee. None tells no fees.
    """

    def __init__(
        self,
        account: AccountId,
        url: str,
        api_key: str,
        api_secret: str,
        symbol_of: Callable[[str], str],
        listener: ExecutionListener,
        clock: Clock,
        timing: StreamTiming | None = None,
        ca_file: str | None = None,
        fee_rate: Callable[[], Decimal] | None = None,
    ) -> None:
        super().__init__(account, url, listener, clock, timing, ca_file)
        self._api_key = api_key
        self._api_secret = api_secret
        self._symbols = KnownSymbols(account, symbol_of)
        self._fee_rate = fee_rate or _no_fee

    def _converse(self) -> Conversation:
        return AlpacaConversation(self.account, self._api_key, self._api_secret, self._symbols, self._fee_rate())


class AlpacaConversation(Conversation):
    """Logs in, then listens to the account's orders.

    The venue sends nothing of itself while nothing trades and has no message to ask it: pings are all there is.
    """

    pings: ClassVar[bool] = True

    def __init__(
        self, account: AccountId, api_key: str, api_secret: str, symbols: KnownSymbols, fee_rate: Decimal = ZERO
    ) -> None:
        super().__init__([api_key, api_secret])
        self._fee_rate = fee_rate
        self._account = account
        self._api_key = api_key
        self._api_secret = api_secret
        self._symbols = symbols

    def hello(self) -> Sequence[Message]:
        """The keys."""
        return [{"action": "authenticate", "data": {"key_id": self._api_key, "secret_key": self._api_secret}}]

    def hear(self, message: Message, say: Say) -> Sequence[Execution]:
        """Executions of one message; see :class:`bot.brokers.stream.Conversation`."""
        stream = message.get("stream")
        data = mapping_of(message.get("data", {}), "the data of a message")
        error = data.get("error") or data.get("error_message") or message.get("error")
        if error or stream == "error":
            raise TurnedAway(f"the venue said: {one_line(error or 'error')}")
        if stream == "authorization":
            self._enter(data, say)
        elif stream == "listening":
            if _UPDATES not in list_of(data.get("streams"), "the streams"):
                raise TurnedAway("the subscription was refused")
            self.listening = True
        elif stream == _UPDATES and data.get("event") in _FILLS:
            execution = self._execution(data)
            return [] if execution is None else [execution]
        return []

    def _enter(self, data: Mapping[str, Any], say: Say) -> None:
        if data.get("status") != "authorized":
            raise TurnedAway(f"the key was refused: {one_line(data.get('status'))}")
        if self.listening:
            raise Interrupted("the venue asked for the keys anew")
        say({"action": "listen", "data": {"streams": [_UPDATES]}})

    def _execution(self, data: Mapping[str, Any]) -> Execution | None:
        order = mapping_of(data.get("order"), "the order of a fill")
        order_id = text_of(order, "id", "the order of a fill")
        spelling = text_of(order, "symbol", order_id)
        if order.get("asset_class") not in (None, "", _CRYPTO):
            self._symbols.leave_out(f"{spelling} ({one_line(order['asset_class'])})")
            return None
        symbol = self._symbols.find(spelling)
        if symbol is None:
            return None
        quantity = positive(data.get("qty"), f"qty of a fill of {order_id}")
        executed = amount_of(order, "filled_qty", order_id)
        if executed < quantity:
            raise VenueUnclear(f"filled_qty of {order_id} is below the fill that it includes")
        side = side_of(text_of(order, "side", order_id), order_id)
        price = positive(data.get("price"), f"price of a fill of {order_id}")
        return Execution(
            account=self._account,
            order_id=VenueOrderId(order_id),
            client_order_id=client_order_id_of(order.get("client_order_id")),
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            executed=executed,
            fee=fee_of(side, quantity, quantity * price, self._fee_rate) if self._fee_rate else ZERO,
            fee_currency=fee_in(symbol, side) if self._fee_rate else "",
            time=moment_of(data.get("timestamp"), f"the time of a fill of {order_id}").timestamp(),
            complete=data["event"] == _FILL,
        )


def _no_fee() -> Decimal:
    return ZERO
