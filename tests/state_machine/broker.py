"""The real broker of one account over the simulated venue."""

from __future__ import annotations

from collections import defaultdict, deque
from decimal import Decimal

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.departure import VenueCall
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport
from tests.fakes.lane import ManualLane
from tests.state_machine.clock import WorldClock
from tests.state_machine.fates import DEADLINE_S, GOOD, SETTLE_S, Death, Fate, Way
from tests.state_machine.venue import FEE_RATE, INSTRUMENTS, Venue, VenueOrder, error_of

OPTIONS = BrokerOptions(fill_wait_s=0.0, settle_s=SETTLE_S)


class Killed(BaseException):
    """The process is gone: nothing that it would have done after this is done."""


class Life:
    """One life of the process: each of its calls to the outside passes here, and may be the last."""

    def __init__(self, death: Death | None = None) -> None:
        self.death = death
        self._passed = 0
        self._over = False

    def meet(self, death: Death | None) -> None:
        """From now on, this is to come; None: nothing is."""
        self.death, self._passed = death, 0

    def passes(self) -> None:
        self._passed += 1
        if self._over or (self.death is not None and self._passed >= self.death.at):
            self._over = True
            raise Killed


Fates = defaultdict[AccountId, deque[Fate]]


class PromptLane(ManualLane):
    """Its jobs run in whoever offers them: for callers that wait for an answer."""

    def offer(self, job):
        taken = super().offer(job)
        self.run_due()
        return taken


class SimulatedBroker(BaseBroker):
    """Reads and sends by way of the venue's books; what becomes of an order is in its fate."""

    venue = BrokerType.KRAKEN

    def __init__(
        self, account: AccountId, ports: BrokerPorts, venue: Venue, clock: WorldClock, life: Life, fates: Fates
    ) -> None:
        super().__init__(account, ports, OPTIONS)
        self._books, self._clock, self._life, self._fates = venue, clock, life, fates
        self.names_are_unique_for_good = venue.unique_names(account)  # type: ignore[misc]
        # As KrakenBroker: an earlier process may have sent an order just before it ended.
        self._may_match_until_ns = clock.monotonic_ns() + int(DEADLINE_S * 1e9)

    def wait_for_balances(self, timeout_s: float) -> bool:
        # Nothing happens while anybody waits here.
        return super().wait_for_balances(0.0)

    def _read(self) -> None:
        self._life.passes()
        self._books.check_reads(self.account)

    def _venue_connect(self) -> None:
        self._read()

    def _venue_balances(self) -> AccountBalances:
        self._read()
        return AccountBalances(self._books.shown_balances(self.account), fee_rate=FEE_RATE, at=self._clock.time())

    def _venue_symbol(self, symbol: str) -> str:
        return self._venue_instrument(symbol).symbol

    def _venue_instrument(self, symbol: str) -> Instrument:
        if symbol not in INSTRUMENTS:
            raise InvalidAmount(f"{symbol} is not listed")
        return INSTRUMENTS[symbol]

    def _venue_price(self, symbol: str, side: Side, max_age_s: float) -> Decimal:
        return self._books.price(symbol, side)

    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        self._life.passes()
        mine = self._fates[self.account]
        request = _Request(order, mine.popleft() if mine else GOOD, self._clock.monotonic_ns() + int(DEADLINE_S * 1e9))
        self._may_match_until_ns = request.deadline_ns
        return VenueCall(lambda: self._send(request), lambda: self._answer(request), lambda: None)

    def _send(self, request: _Request) -> None:
        self._life.passes()
        self._clock.pass_s(0.001)
        request.booked = self._books.submit(request.order, request.fate, request.deadline_ns)
        self._life.passes()

    def _answer(self, request: _Request) -> VenueOrderId:
        self._life.passes()
        self._clock.pass_s(request.fate.answer_takes_s)
        if request.fate.way is not Way.ANSWERED:
            raise error_of(request.fate.way)
        if request.booked is None:
            raise error_of(Way.REFUSED)
        return request.booked.order_id

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        self._read()
        found = self._books.find(self.account, order.client_order_id)
        self._life.passes()
        return found.order_id if found else None

    def _venue_provable_at_ns(self) -> int:
        return self._may_match_until_ns + int(SETTLE_S * 1e9)

    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        self._read()
        return self._books.report(self.account, order_id)

    def _venue_orders(self, since: float, offset: int) -> tuple[list, int | None]:
        raise NotImplementedError("nothing is compared with the venue while it is played")

    def _venue_read_delay(self) -> float:
        return 0.0

    def _venue_find_delay(self) -> float:
        return 0.0

    def _venue_housekeep(self) -> None:
        self._read()

    def _venue_close(self) -> None:
        return


class _Request:
    def __init__(self, order: MarketOrder, fate: Fate, deadline_ns: int) -> None:
        self.order, self.fate, self.deadline_ns = order, fate, deadline_ns
        self.booked: VenueOrder | None = None
