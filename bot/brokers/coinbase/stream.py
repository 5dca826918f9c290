"""What trades on a Coinbase account, by its user socket (Coinbase Advanced Trade WebSocket docs, user and heartbeats).

The venue tells orders, not trades: how much of each is filled by now. The difference to what it told before is what
traded in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.brokers.answers import amount_of, list_of, mapping_of, moment_of, text_of
from bot.brokers.failures import one_line
from bot.brokers.order_fields import client_order_id_of, side_of
from bot.brokers.stream import (
    Conversation,
    KnownSymbols,
    Message,
    Numbering,
    Say,
    SocketStream,
    StreamTiming,
    TurnedAway,
)
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.ports import Clock, ExecutionListener

_USER, _HEARTBEATS = "user", "heartbeats"
_CHANNELS: Final = (_USER, _HEARTBEATS)
_FINAL = frozenset({"FILLED", "CANCELLED", "EXPIRED", "FAILED"})
_SPOT = "SPOT"


class CoinbaseOrders(SocketStream):
    """Implements :class:`bot.domain.ports.ExecutionStream` for one account.

    Args:
        url: of the user socket.
        jwt: a new token without a URI, one for each subscription.
        symbol_of: the canonical symbol of ``BTC-USD`` as the venue spells it; raises InvalidAmount for one that is
            not listed.
    """

    def __init__(
        self,
        account: AccountId,
        url: str,
        jwt: Callable[[], str],
        symbol_of: Callable[[str], str],
        listener: ExecutionListener,
        clock: Clock,
        timing: StreamTiming | None = None,
        ca_file: str | None = None,
    ) -> None:
        super().__init__(account, url, listener, clock, timing, ca_file)
        self._jwt = jwt
        self._symbols = KnownSymbols(account, symbol_of)

    def _converse(self) -> Conversation:
        return CoinbaseConversation(self.account, [self._jwt() for _ in _CHANNELS], self._symbols)


@dataclass(frozen=True, slots=True)
class _Filled:
    """Of one order by now: base, quote without fees, fees."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO


class CoinbaseConversation(Conversation):
    """Subscribes to the orders and, as a sign of life each second, to heartbeats.

    Args:
        tokens: one for each of the two channels.
    """

    def __init__(self, account: AccountId, tokens: Sequence[str], symbols: KnownSymbols) -> None:
        super().__init__(tokens)
        self._account = account
        self._tokens = tuple(tokens)
        self._symbols = symbols
        self._numbering = Numbering()
        self._acknowledged: set[str] = set()
        self._filled: dict[str, _Filled] = {}

    def hello(self) -> Sequence[Message]:
        """The subscriptions, of all products."""
        return [
            {"type": "subscribe", "product_ids": [], "channel": channel, "jwt": token}
            for channel, token in zip(_CHANNELS, self._tokens, strict=True)
        ]

    def hear(self, message: Message, say: Say) -> Sequence[Execution]:
        """Executions of one message; see :class:`bot.brokers.stream.Conversation`."""
        if message.get("type") == "error":
            raise TurnedAway(f"the venue said: {one_line(message.get('message', 'error'))}")
        if not self._numbering.is_new(message.get("sequence_num"), message):
            return []
        channel = message.get("channel")
        if channel in _CHANNELS:
            self._acknowledge([channel])
        elif channel == "subscriptions":
            for event in _events(message):
                self._acknowledge(mapping_of(event.get("subscriptions"), "the subscriptions"))
        return list(self._read(message)) if channel == _USER else []

    def _acknowledge(self, channels: Sequence[str] | Mapping[str, Any]) -> None:
        self._acknowledged.update(channels)
        self.listening = self._acknowledged.issuperset(_CHANNELS)

    def _read(self, message: Message) -> Iterator[Execution]:
        time = moment_of(message.get("timestamp"), "the time of a message").timestamp()
        for event in _events(message):
            orders = [mapping_of(row, "an order") for row in list_of(event.get("orders") or [], "the orders")]
            for order in orders:
                if event.get("type") == "snapshot":
                    self._begin_with(order)
                elif (execution := self._read_order(order, time)) is not None:
                    yield execution

    def _begin_with(self, order: Mapping[str, Any]) -> None:
        # An open order's fills from before this connection have no time here, and must not be taken for new ones.
        # They are asked for by REST, as is all that happened before.
        if self._symbol(order) is None:
            return
        try:
            self._filled[text_of(order, "order_id", "an order")] = _filled(order)
        except (InvalidAmount, VenueUnclear):
            # The next update of this order tells all of it, or cannot be read either.
            return

    def _read_order(self, order: Mapping[str, Any], time: float) -> Execution | None:
        symbol = self._symbol(order)
        if symbol is None:
            return None
        order_id = text_of(order, "order_id", "an order")
        before, now = self._filled.get(order_id, _Filled()), _filled(order)
        final = order.get("status") in _FINAL
        quantity = now.quantity - before.quantity
        if quantity <= 0:
            # As told before, or older than that.
            return None
        self._filled[order_id] = now
        return Execution(
            account=self._account,
            order_id=VenueOrderId(order_id),
            client_order_id=client_order_id_of(order.get("client_order_id")),
            symbol=symbol,
            side=side_of(text_of(order, "order_side", order_id).lower(), order_id),
            quantity=quantity,
            price=_price(order, order_id, (now.value - before.value) / quantity),
            executed=now.quantity,
            time=time,
            fee=now.fee - before.fee,
            fee_currency=split_symbol(symbol)[1],
            complete=final,
        )

    def _symbol(self, order: Mapping[str, Any]) -> str | None:
        product = text_of(order, "product_id", "an order")
        kind = order.get("product_type") or _SPOT
        if kind != _SPOT:
            self._symbols.leave_out(f"{product} ({one_line(kind)})")
            return None
        return self._symbols.find(product)


def _events(message: Message) -> list[Mapping[str, Any]]:
    return [mapping_of(event, "an event") for event in list_of(message.get("events"), "the events")]


def _filled(order: Mapping[str, Any]) -> _Filled:
    order_id = text_of(order, "order_id", "an order")
    quantity = amount_of(order, "cumulative_quantity", order_id, ZERO)
    average = amount_of(order, "avg_price", order_id, ZERO)
    value = amount_of(order, "filled_value", order_id, quantity * average)
    return _Filled(quantity, value, amount_of(order, "total_fees", order_id, ZERO))


def _price(order: Mapping[str, Any], order_id: str, computed: Decimal) -> Decimal:
    if computed > 0:
        return computed
    # Sums that were rounded differently leave nothing for a tiny fill.
    average = amount_of(order, "avg_price", order_id, ZERO)
    if average <= 0:
        raise VenueUnclear(f"order {order_id} is filled at no price in the venue's answer")
    return average
