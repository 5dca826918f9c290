"""What happens to an account's orders, as `trade_updates` tells it (Alpaca docs, WebSocket Streaming)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.formats import moment, plain
from paper_exchange.alpaca.instruments import Catalogue
from paper_exchange.alpaca.keys import ApiKey
from paper_exchange.alpaca.orders import FILLED, just_accepted, order_record, status_of
from paper_exchange.core.accounts import LedgerEntry
from paper_exchange.core.order_moves import OrderMove, moves
from paper_exchange.core.orders import LIVE, ZERO, Order, OrderState, Side, Trade

Update = dict[str, Any]


class TradeUpdates:
    """Watches the account of a key from its making to `end`, and gives each update to `tell`."""

    def __init__(self, key: ApiKey, catalogue: Catalogue, tell: Callable[[Update], None]) -> None:
        self._key = key
        self._catalogue = catalogue
        self._tell = tell
        key.account.watchers.append(self)

    def end(self) -> None:
        """Follows the account no more."""
        self._key.account.watchers.remove(self)

    def order_moved(self, order: Order) -> None:
        """Tells of one event after the other."""
        for update in self._updates(order):
            self._tell(update)

    def balance_changed(self, entry: LedgerEntry) -> None:
        """Balances are not told of."""

    def _updates(self, order: Order) -> Iterator[Update]:
        happened = list(moves(order))
        # All trades of the state are booked by now: going back from there, each has a position of its own.
        later = sum((_gained(move.trade) for move in happened if move.trade is not None), ZERO)
        position = self._key.account.balances.get(order.ticket.instrument.base, ZERO) - later
        for move in happened:
            if move.trade is not None:
                position += _gained(move.trade)
                yield self._fill(order, move, move.trade, position)
            elif move.state.status in LIVE:
                yield self._event(order, just_accepted(order), "pending_new")
                yield self._event(order, move.state, "new")
            else:
                yield self._event(order, move.state, status_of(move.state))

    def _fill(self, order: Order, move: OrderMove, trade: Trade, position: Decimal) -> Update:
        event = "fill" if status_of(move.state) == FILLED else "partial_fill"
        return self._event(order, move.state, event) | {
            "execution_id": trade.trade_id,
            "position_qty": plain(position),
            "price": plain(trade.price),
            "qty": plain(trade.volume),
        }

    def _event(self, order: Order, state: OrderState, event: str) -> Update:
        return {
            "event": event,
            "execution_id": str(uuid.uuid5(uuid.UUID(order.order_id), event)),
            "order": order_record(order, state, self._catalogue, self._key.notional_of(order)),
            "timestamp": moment(state.time),
        }


def _gained(trade: Trade) -> Decimal:
    """What a trade added to the position, after the fee where that is taken in coins."""
    fee = trade.fee if trade.fee_asset == trade.instrument.base else ZERO
    return (trade.volume if trade.side is Side.BUY else -trade.volume) - fee
