"""What traded on an account, put together from what a venue lists apart: fills, and the orders that they are of."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, TypeVar

from bot.domain.enums import Side
from bot.domain.errors import InvalidAmount
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, TradeId, VenueOrderId
from bot.domain.money import ZERO
from bot.domain.orders import VenueOrder

_log = logging.getLogger("nija.broker")

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

#: So many fills and orders are remembered, so that questions that overlap cost little.
_MOST_REMEMBERED = 10_000
#: Names of orders in one error.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One fill as its venue lists it: size in base, price in quote.

    Attributes:
        symbol: canonical.
        time: unix seconds by the venue's clock.
        number: what tells fills of one moment apart: a later one has a higher one.
        executed: base of the order up to and with this fill, where the venue tells; else None.
        exact: False where the venue tells the money only, and the quantity is what it bought at its price, rounded.
        last: the venue says that the order is done with it.
    """

    trade_id: TradeId
    order_id: VenueOrderId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time: float
    fee: Decimal = ZERO
    fee_currency: str = ""
    number: int = 0
    executed: Decimal | None = None
    exact: bool = True
    last: bool = False

    @property
    def place(self) -> tuple[Decimal, float, int]:
        """What fills of one order are in order by."""
        return self.executed or ZERO, self.time, self.number


class Symbols(Protocol):
    """What a venue lists; :class:`bot.brokers.market.Market` is one."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """All canonical symbols; the same object for as long as the list is the same."""

    def canonical(self, text: str) -> str:
        """The canonical symbol of any spelling. Raises InvalidAmount when it is not listed."""


@dataclass(slots=True)
class ExecutionMemory:
    """What one account keeps from one question for executions to the next.

    Attributes:
        market: says what is listed.
        fills: of which no more than size and time can be needed again.
        orders: those that are done, of which nothing changes any more.
        left_out: spelling -> all symbols that were listed when it was not among them.
    """

    account: AccountId
    market: Symbols
    fills: dict[TradeId, VenueFill] = field(default_factory=dict)
    orders: dict[VenueOrderId, VenueOrder] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def note_fills(self, fills: Iterable[VenueFill]) -> None:
        """Keep these; the oldest are forgotten."""
        self.fills.update((fill.trade_id, fill) for fill in fills)
        _shorten(self.fills)

    def note_orders(self, orders: Iterable[VenueOrder]) -> None:
        """Keep those of these that are done; the oldest are forgotten."""
        self.orders.update((order.order_id, order) for order in orders if not order.open)
        _shorten(self.orders)

    def symbol_of(self, spelling: str) -> str | None:
        """The canonical symbol of a fill's spelling; None where the market does not know it, which is said once."""
        symbols, said = self.market.symbols, self.left_out.get(spelling)
        if said is symbols:
            return None
        try:
            return self.market.canonical(spelling)
        except InvalidAmount:
            self.left_out[spelling] = symbols
            if said is None:
                _log.warning("%s: trades in %s are not followed: it is no pair of the list", self.account, spelling)
            return None


class ExecutionSearch(ABC):
    """One question for executions (:class:`bot.brokers.base.paging.Pages`), call by call.

    First the fills since a moment, then the orders that they are of, which have the names. A fill can come between the
    two calls, so an order's executed size says nothing of the fills that were listed before. Where an order was made
    after that moment its fills begin at zero, whatever comes meanwhile; of an older one the venue's steps ask for the
    earlier fills as well.

    Args:
        start: unix seconds from when on fills are asked for.
    """

    def __init__(self, start: float, memory: ExecutionMemory) -> None:
        self._account = memory.account
        self._start = start
        self._memory = memory
        self._fills: dict[TradeId, VenueFill] = {}
        self._orders: dict[VenueOrderId, VenueOrder] = {}
        self._not_shown: list[VenueOrderId] = []

    @abstractmethod
    def _question(self) -> Callable[[], None] | None:
        """The next call to make; None when all is known."""

    def ask(self) -> bool:
        """Make the next call; whether another one is needed. Raises VenueError."""
        question = self._question()
        if question is not None:
            question()
        return self._question() is not None

    @property
    def missing(self) -> str:
        """Orders whose fills are listed and that the venue did not show when it was asked for them."""
        return f"the order {', '.join(self._not_shown[:_MOST_NAMED])}" if self._not_shown else ""

    def found(self) -> list[Execution]:
        """The executions, oldest first."""
        by_order: dict[VenueOrderId, list[VenueFill]] = {}
        for fill in self._fills.values():
            by_order.setdefault(fill.order_id, []).append(fill)
        executions = [
            execution
            for order_id, fills in by_order.items()
            for execution in self._of_order(self._orders[order_id], sorted(fills, key=lambda fill: fill.place))
        ]
        return sorted(executions, key=lambda execution: execution.time)

    def _of_order(self, order: VenueOrder, fills: list[VenueFill]) -> list[Execution]:
        """The executions of one order, of its fills in their order."""
        return chained(self._account, order, fills, ZERO)

    def _note_fills(self, fills: Iterable[VenueFill]) -> None:
        self._fills.update((fill.trade_id, fill) for fill in fills)

    def _note_orders(self, asked_for: list[VenueOrderId], orders: Iterable[VenueOrder]) -> None:
        shown = {order.order_id: order for order in orders}
        self._orders.update(shown)
        self._memory.note_orders(shown.values())
        self._not_shown = [order_id for order_id in asked_for if order_id not in shown]

    def _unknown_orders(self) -> list[VenueOrderId]:
        """Orders whose fills were listed, and of which nothing is known yet."""
        wanted = dict.fromkeys(fill.order_id for fill in self._fills.values())
        known = self._memory.orders
        self._orders.update((order_id, known[order_id]) for order_id in wanted if order_id in known)
        return [order_id for order_id in wanted if order_id not in self._orders]

    def _began_before(self, order: VenueOrder) -> bool:
        return order.time <= self._start


def chained(account: AccountId, order: VenueOrder, fills: Iterable[VenueFill], before: Decimal) -> list[Execution]:
    """The executions of one order's fills, each of which begins where the one before ended.

    Args:
        fills: in their order.
        before: base, of the order before the first of them; for fills that do not tell ``executed``.
    """
    executions = []
    executed = before
    for fill in fills:
        executed = executed + fill.quantity if fill.executed is None else fill.executed
        executions.append(
            Execution(
                account=account,
                order_id=fill.order_id,
                client_order_id=order.client_order_id,
                symbol=fill.symbol,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                executed=executed,
                time=fill.time,
                fee=fill.fee,
                fee_currency=fill.fee_currency,
                # Done later than it was listed, an order may have fills that are not among these.
                complete=fill.last or (not order.open and executed == order.executed),
            )
        )
    return executions


def _shorten(known: dict[_Key, _Value]) -> None:
    for key in list(known)[: max(len(known) - _MOST_REMEMBERED, 0)]:
        del known[key]
