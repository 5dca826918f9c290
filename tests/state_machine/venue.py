"""A venue like Kraken, in memory and on true time. Its books are what the checks believe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from bot.domain.enums import Side
from bot.domain.errors import RateLimited, VenueError, VenueRejected, VenueUnclear, VenueUnreachable
from bot.domain.ids import AccountId, ClientOrderId, TradeId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.money import ONE, ZERO
from bot.domain.orders import Fill, MarketOrder, OrderReport
from tests.state_machine.clock import WorldClock
from tests.state_machine.fates import Fate, Way

FEE_RATE = Decimal("0.0026")
_NO_DEADLINE_TIMES = 4
_SMALLEST = Decimal("0.00000001")


def _listed(base: str, lot_step: str, minimum_size: str) -> Instrument:
    return Instrument(
        f"{base}-USD", base, "USD", Decimal(lot_step), Decimal("0.00001"), Decimal(minimum_size), Decimal("0.5")
    )


#: Fine, coarse and very coarse lots.
INSTRUMENTS = {
    one.symbol: one
    for one in (_listed("BTC", "0.00000001", "0.00005"), _listed("SOL", "0.01", "0.02"), _listed("DOGE", "1", "13"))
}
SYMBOLS = tuple(INSTRUMENTS)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue booked it; times are monotonic nanoseconds."""

    order_id: VenueOrderId
    account: AccountId
    name: ClientOrderId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fills: tuple[Fill, ...]
    landed_ns: int
    shown_ns: int
    done_ns: int

    @property
    def executed(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((fill.cost for fill in self.fills), ZERO)

    @property
    def fee(self) -> Decimal:
        return sum((fill.fee for fill in self.fills), ZERO)

    @property
    def fee_currency(self) -> str:
        return self.fills[0].fee_currency

    @property
    def coins_moved(self) -> Decimal:
        """Base, negative for a sell."""
        fee = self.fee if self.fee_currency == INSTRUMENTS[self.symbol].base else ZERO
        return (self.executed if self.side is Side.BUY else -self.executed) - fee

    def report(self, final: bool) -> OrderReport:
        return OrderReport(
            self.order_id,
            self.executed,
            self.price,
            self.cost,
            self.fee,
            self.fee_currency,
            final,
            "" if self.executed == self.quantity else "cancelled by the venue",
            self.fills,
        )


@dataclass(frozen=True, slots=True)
class _Travelling:
    lands_ns: int
    deadline_ns: int
    account: AccountId
    order: MarketOrder
    fate: Fate


@dataclass(frozen=True, slots=True)
class Trouble:
    """Reads of an account fail until this moment, monotonic nanoseconds."""

    until_ns: int
    kind: Way


class Venue:
    """Books, prices, and orders on their way.

    The client order id is a key to look up by, and not unique; but for those accounts that are at a venue of the other
    kind: there a second order of one name is the first one, and no order has a deadline.

    Attributes:
        orders: all that were ever booked, in that order.
        prices: quote per base, by symbol.
        lag_s: how far the balances that an account is shown trail, seconds.
        troubles: accounts whose reads fail.
    """

    def __init__(
        self,
        clock: WorldClock,
        balances: Mapping[AccountId, Mapping[str, Decimal]],
        unique_names: Callable[[AccountId], bool] = lambda _: False,
    ) -> None:
        self._clock = clock
        self.unique_names = unique_names
        start = clock.monotonic_ns()
        self._balances = {account: [(start - 10**12, dict(amounts))] for account, amounts in balances.items()}
        self._travelling: list[_Travelling] = []
        self.orders: list[VenueOrder] = []
        self.prices = {"BTC-USD": Decimal(50_000), "SOL-USD": Decimal(100), "DOGE-USD": Decimal("0.1")}
        self.lag_s: dict[AccountId, float] = {}
        self.troubles: dict[AccountId, Trouble] = {}

    @property
    def now_ns(self) -> int:
        """True time."""
        return self._clock.monotonic_ns()

    # -- orders --------------------------------------------------------------------------------------------------

    def submit(self, order: MarketOrder, fate: Fate, deadline_ns: int) -> VenueOrder | None:
        """A request leaves the bot; what the venue booked at once."""
        if fate.way is Way.LATE:
            # Without a deadline an exit may land after it went out again.
            times = _NO_DEADLINE_TIMES if self.unique_names(order.account) and order.side is Side.SELL else 1
            lands_ns = self.now_ns + int(fate.lands_after_s * times * 1e9)
            self._travelling.append(_Travelling(lands_ns, deadline_ns, order.account, order, fate))
        if fate.way not in (Way.ANSWERED, Way.ANSWER_LOST):
            return None
        self.land()
        return self._book(order, fate, self.now_ns)

    def land(self) -> None:
        """What was on its way arrives, as far as it is time."""
        now_ns = self.now_ns
        for one in sorted(self._travelling, key=lambda one: one.lands_ns):
            if one.lands_ns <= now_ns:
                self._travelling.remove(one)
                if one.lands_ns <= one.deadline_ns or self.unique_names(one.account):
                    self._book(one.order, one.fate, one.lands_ns)

    def _book(self, order: MarketOrder, fate: Fate, at_ns: int) -> VenueOrder | None:
        if self.unique_names(order.account):
            same = (one for one in self.orders if (one.account, one.name) == (order.account, order.client_order_id))
            if (known := next(same, None)) is not None:
                return known
        instrument = INSTRUMENTS[order.symbol]
        price = self.price(order.symbol, order.side, fate.slip)
        fills = self._fills(order, fate, price, at_ns)
        has, needs = self._money(order, price)
        if order.quantity < instrument.minimum_size or order.quantity % instrument.lot_step or has < needs:
            return None
        number = len(self.orders) + 1
        shown_ns = at_ns + int(fate.shown_after_s * 1e9)
        booked = VenueOrder(
            VenueOrderId(f"O{number}"),
            order.account,
            order.client_order_id,
            order.symbol,
            order.side,
            order.quantity,
            price,
            fills,
            at_ns,
            shown_ns,
            shown_ns + int(fate.done_after_s * 1e9),
        )
        self.orders.append(booked)
        paid = booked.cost if order.side is Side.BUY else -booked.cost
        fee_in_quote = booked.fee if booked.fee_currency == instrument.quote else ZERO
        self.move(order.account, {instrument.base: booked.coins_moved, instrument.quote: -paid - fee_in_quote}, at_ns)
        return booked

    def _money(self, order: MarketOrder, price: Decimal) -> tuple[Decimal, Decimal]:
        instrument, there = INSTRUMENTS[order.symbol], self.holds(order.account)
        if order.side is Side.SELL:
            return there.get(instrument.base, ZERO), order.quantity
        return there.get(instrument.quote, ZERO), order.quantity * price * (ONE + FEE_RATE)

    def _fills(self, order: MarketOrder, fate: Fate, price: Decimal, at_ns: int) -> tuple[Fill, ...]:
        instrument = INSTRUMENTS[order.symbol]
        executed = max(instrument.floor_size(order.quantity * fate.part), instrument.lot_step)
        first = instrument.floor_size(executed / fate.trades)
        sizes = [size for size in (first, executed - first) if size > 0]
        coin = fate.fee_in_coin and order.side is Side.BUY
        return tuple(
            Fill(
                TradeId(f"T{len(self.orders) + 1}-{number}"),
                size,
                price,
                size * price,
                ((size if coin else size * price) * FEE_RATE).quantize(_SMALLEST, ROUND_UP),
                instrument.base if coin else instrument.quote,
                at_ns / 1e9,
            )
            for number, size in enumerate(sizes, start=1)
        )

    # -- what it shows -------------------------------------------------------------------------------------------

    def price(self, symbol: str, side: Side, slip: Decimal = ZERO) -> Decimal:
        worse = slip if side is Side.BUY else -slip
        return (self.prices[symbol] * (ONE + worse)).quantize(INSTRUMENTS[symbol].price_step, ROUND_DOWN)

    def find(self, account: AccountId, name: ClientOrderId) -> VenueOrder | None:
        """The first order of this name that look-ups show by now."""
        self.land()
        now_ns = self.now_ns
        named = (one for one in self.orders if (one.account, one.name) == (account, name) and one.shown_ns <= now_ns)
        return next(named, None)

    def report(self, account: AccountId, order_id: VenueOrderId) -> OrderReport | None:
        self.land()
        now_ns = self.now_ns
        for one in self.orders:
            if (one.account, one.order_id) == (account, order_id) and one.shown_ns <= now_ns:
                return one.report(one.done_ns <= now_ns)
        return None

    def shown_balances(self, account: AccountId) -> dict[str, Decimal]:
        """The balances as they were some seconds ago."""
        self.land()
        seen_ns = self.now_ns - int(self.lag_s.get(account, 0.0) * 1e9)
        return dict([amounts for at_ns, amounts in self._balances[account] if at_ns <= seen_ns][-1])

    def check_reads(self, account: AccountId) -> None:
        """Raises what a read of this account meets now."""
        trouble = self.troubles.get(account)
        if trouble is not None and self.now_ns < trouble.until_ns:
            raise error_of(trouble.kind, (trouble.until_ns - self.now_ns) / 1e9)

    # -- the accounts' own hands ---------------------------------------------------------------------------------

    def held_lately(self, account: AccountId, code: str, within_s: float) -> Decimal:
        """The most that the account had within the last seconds."""
        since_ns = self.now_ns - int(within_s * 1e9)
        lately = [amounts for at_ns, amounts in self._balances[account] if at_ns >= since_ns]
        before = [amounts for at_ns, amounts in self._balances[account] if at_ns < since_ns][-1:]
        return max(amounts.get(code, ZERO) for amounts in before + lately)

    def sold_lately(self, account: AccountId, within_s: float) -> Decimal:
        """What the account's sales of the last seconds brought: balances from before them do not have it."""
        since_ns = self.now_ns - int(within_s * 1e9)
        mine = (one for one in self.orders if one.account == account and one.side is Side.SELL)
        return sum((one.cost for one in mine if one.landed_ns > since_ns), ZERO)

    def holds(self, account: AccountId) -> dict[str, Decimal]:
        """The balances as they are."""
        return self._balances[account][-1][1]

    def move(self, account: AccountId, changes: Mapping[str, Decimal], at_ns: int | None = None) -> None:
        amounts = dict(self.holds(account))
        for code, change in changes.items():
            amounts[code] = amounts.get(code, ZERO) + change
        self._balances[account].append((self.now_ns if at_ns is None else at_ns, amounts))


def error_of(way: Way, seconds: float = 20.0) -> VenueError:
    """What the bot's client raises."""
    if way is Way.UNREACHABLE:
        return VenueUnreachable("connection refused")
    if way is Way.RATE_LIMITED:
        return RateLimited("EAPI:Rate limit exceeded", seconds)
    if way is Way.REFUSED:
        return VenueRejected("EOrder:Insufficient funds")
    return VenueUnclear("read timed out")
