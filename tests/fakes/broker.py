"""A venue that answers as it was told to, under the real broker of an account."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.brokers.base import BaseBroker, BrokerOptions
from bot.brokers.base.executions import ExecutionMemory, ExecutionSearch
from bot.brokers.departure import VenueCall
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport, VenueOrder
from bot.domain.ports import OrderObserver
from tests.fakes.ports import FakePorts

BTC = Instrument(
    "BTC-USD",
    "BTC",
    "USD",
    lot_step=Decimal("0.00000001"),
    price_step=Decimal("0.1"),
    minimum_size=Decimal("0.00005"),
    minimum_cost=Decimal("0.5"),
)

#: An answer of the venue: raised when it is an error, called when it can be, else returned.
Answer = Any


class ScriptedBroker(BaseBroker):
    """A broker whose venue answers from queues; where a queue is empty, all goes well.

    Attributes:
        prepares: what happens while an order is signed; nothing is sent yet.
        submits: answers to orders.
        finds: answers to look-ups by client order id; then nothing is found.
        provable_after_s: how long after now an order's absence is proof.
        reports: answers to questions for a fill.
        pages: answers to questions for a page of orders; then there are none.
        execution_answers: answers to questions for what traded; then nothing did.
        balance_answers: answers to questions for balances; then ``booked`` is answered.
        booked: what the venue's books say; :meth:`book` moves it.
    """

    venue = BrokerType.KRAKEN

    def __init__(self, account: AccountId, fakes: FakePorts, options: BrokerOptions | None = None) -> None:
        super().__init__(account, fakes.ports(), options)
        self.trace = fakes.trace
        self.fakes = fakes
        self.prepares: deque[Answer] = deque()
        self.submits: deque[Answer] = deque()
        self.finds: deque[Answer] = deque()
        self.provable_after_s = 0.0
        self.reports: deque[Answer] = deque()
        self.pages: deque[Answer] = deque()
        self.execution_answers: deque[Answer] = deque()
        self.balance_answers: deque[Answer] = deque()
        self.connecting: Callable[[], None] = lambda: None
        self.booked: dict[str, Decimal] = {"USD": Decimal(10_000)}
        self.instruments = {BTC.symbol: BTC}
        self.price: Any = Decimal(50_000)
        self.fee_rate = Decimal("0.0026")
        self.read_delay = 0.0
        self.closed = False
        self.lane_threads: set[int] = set()
        self._numbers = itertools.count(1)

    def _note(self, step: str, detail: Any = None) -> None:
        self.lane_threads.add(threading.get_ident())
        self.trace.add(step, detail)

    def _venue_connect(self) -> None:
        self._note("venue.connect")
        self.connecting()

    def _venue_balances(self) -> AccountBalances:
        self._note("venue.balances")
        if self.balance_answers:
            answer = _given(self.balance_answers.popleft())
            assert isinstance(answer, AccountBalances)
            return answer
        return self.snapshot()

    def snapshot(self, **changes: Any) -> AccountBalances:
        """The balances that the venue's books say now."""
        known = AccountBalances(dict(self.booked), fee_rate=self.fee_rate, at=self.fakes.clock.time())
        return replace(known, **changes)

    def _venue_symbol(self, symbol: str) -> str:
        canonical = symbol.upper().replace("/", "-")
        if canonical not in self.instruments:
            raise InvalidAmount(f"{symbol} is not listed")
        return canonical

    def _venue_instrument(self, symbol: str) -> Instrument:
        if symbol not in self.instruments:
            raise InvalidAmount(f"{symbol} is not listed")
        return self.instruments[symbol]

    def _venue_price(self, symbol: str, side: Side, max_age_s: float) -> Decimal:
        self._note("venue.price", symbol)
        price = _given(self.price)
        assert isinstance(price, Decimal)
        return price

    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        if self.prepares:
            _given(self.prepares.popleft(), order)
        return VenueCall(
            lambda: self._note("venue.submit", order),
            lambda: self._answer_to(order),
            lambda: self._note("venue.discard", order),
        )

    def _answer_to(self, order: MarketOrder) -> VenueOrderId:
        self.lane_threads.add(threading.get_ident())
        answer = _given(self.submits.popleft(), order) if self.submits else None
        return VenueOrderId(answer or f"ORDER-{next(self._numbers)}")

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        self._note("venue.find", order)
        found = _given(self.finds.popleft(), order) if self.finds else None
        return None if found is None else VenueOrderId(found)

    def _venue_provable_at_ns(self) -> int:
        return self.fakes.clock.monotonic_ns() + int(self.provable_after_s * 1e9)

    def _venue_find_delay(self) -> float:
        return self.read_delay

    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        self._note("venue.report", order)
        if self.reports:
            answer = _given(self.reports.popleft(), order, order_id)
            if answer is None:
                return None
            assert isinstance(answer, OrderReport)
        else:
            answer = self.filled(order, order_id)
        if answer.final:
            self.book(order, answer)
        return answer

    def _venue_orders(self, since: float, offset: int) -> tuple[list[VenueOrder], int | None]:
        self._note("venue.orders", (since, offset))
        page = _given(self.pages.popleft()) if self.pages else ([], None)
        assert isinstance(page, tuple)
        return page

    def _venue_executions(self, since: float) -> ExecutionSearch:
        return _ScriptedSearch(self, since)

    def filled(self, order: MarketOrder, order_id: VenueOrderId, executed: Decimal | None = None) -> OrderReport:
        """A final report at the order's own price, with the fee in the quote currency."""
        size = order.quantity if executed is None else executed
        cost = size * order.price
        return OrderReport(order_id, size, order.price, cost, cost * self.fee_rate, "USD", final=True)

    def book(self, order: MarketOrder, report: OrderReport) -> None:
        """Move the venue's books by a fill."""
        direction = 1 if order.side is Side.BUY else -1
        base = order.symbol.split("-")[0]
        self.booked[base] = self.booked.get(base, Decimal(0)) + direction * report.executed
        self.booked["USD"] += -direction * report.cost - report.fee

    def _venue_read_delay(self) -> float:
        return self.read_delay

    def _venue_housekeep(self) -> None:
        self._note("venue.housekeep")

    def _venue_close(self) -> None:
        self.closed = True


class _ScriptedSearch(ExecutionSearch):
    """One question of one call."""

    def __init__(self, broker: ScriptedBroker, since: float) -> None:
        super().__init__(since, ExecutionMemory(broker.account, _Anything()))
        self._broker = broker
        self._executions: list[Execution] | None = None

    def _question(self) -> Callable[[], None] | None:
        return self._look if self._executions is None else None

    def _look(self) -> None:
        self._broker._note("venue.executions", self._start)
        answers = self._broker.execution_answers
        self._executions = list(_given(answers.popleft())) if answers else []

    def found(self) -> list[Execution]:
        return sorted(self._executions or [], key=lambda execution: execution.time)


class _Anything:
    symbols: tuple[str, ...] = ()

    def canonical(self, text: str) -> str:
        return text


def _given(answer: Answer, *arguments: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer(*arguments) if callable(answer) else answer


def send(
    broker: BaseBroker, order: MarketOrder, observer: OrderObserver, limit: Callable[[], Decimal] | None = None
) -> None:
    """Send a planned order, as the copy engine does."""
    departure = broker.prepare_market_order(order, observer, limit)
    departure.send()
    departure.go_on()
