"""Accounts of a simulation: what the plan reads of a broker, over books instead of a venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.brokers.snapshot import after_fill
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport
from bot.simulation.venues import VENUES

#: Steps without rounding: far below anything that a venue knows.
_FINE = Decimal("1E-30")


class SimulatedAccount:
    """One account, always connected. Implements :class:`bot.copying.guards.FollowerBroker`.

    Args:
        account: its name and venue.
        dollars: what it begins with, in ``quote``.
        quote: the currency of its money.
        fee_rate: taker fee; None takes the venue's.

    Attributes:
        balances: money and coins now.
        fees: all fees so far, US dollars; what was taken in coin counts at the price of its order.
    """

    status = "connected"
    connected = True
    paused = False

    def __init__(self, account: AccountId, dollars: Decimal, quote: str, fee_rate: Decimal | None = None) -> None:
        self.account = account
        self.quote = quote
        self.model = VENUES[account.venue]
        rate = self.model.fee_rate if fee_rate is None else fee_rate
        self.balances = AccountBalances({quote: dollars}, fee_rate=rate)
        self.fees = ZERO
        self._instruments: dict[str, Instrument] = {}

    def in_doubt(self, symbol: str) -> bool:
        """Every order has its fill at once."""
        return False

    def instrument(self, symbol: str) -> Instrument:
        """Steps and minimums of a canonical symbol."""
        found = self._instruments.get(symbol)
        if found is None:
            found = self._instruments[symbol] = self.model.instrument(symbol)
        return found

    @property
    def cash(self) -> Decimal:
        """Money, in its quote currency."""
        return self.balances.available[self.quote]

    def coins(self, base: str) -> Decimal:
        """Coins of a currency."""
        return self.balances.available.get(base, ZERO)

    @property
    def holdings(self) -> dict[str, Decimal]:
        """All coins, by currency."""
        return self.balances.holdings

    def trade(self, order: MarketOrder) -> OrderReport:
        """Fill an order at its price.

        Raises:
            InvalidAmount: the account does not have what it takes; nothing was done.
        """
        report = self.model.fill(order, order.price, self.balances.fee_rate)
        after = after_fill(self.balances, order, report)
        short = [code for code, amount in after.available.items() if amount < 0]
        if short:
            raise InvalidAmount(f"insufficient funds: not enough {', '.join(short)}")
        self.balances = after
        in_coin = report.fee_currency == split_symbol(order.symbol)[0]
        self.fees += report.fee * order.price if in_coin else report.fee
        return report


class WithoutSteps:
    """An account as the plan would see it if nothing had to be rounded and nothing were too small."""

    status = "connected"
    connected = True
    paused = False

    def __init__(self, of: SimulatedAccount) -> None:
        self._of = of
        self.account = of.account
        self._instruments: dict[str, Instrument] = {}

    def in_doubt(self, symbol: str) -> bool:
        """Every order has its fill at once."""
        return False

    @property
    def balances(self) -> AccountBalances:
        """Money and coins now."""
        return self._of.balances

    def instrument(self, symbol: str) -> Instrument:
        """The instrument with steps that round nothing away, and without minimums."""
        found = self._instruments.get(symbol)
        if found is None:
            real = self._of.instrument(symbol)
            found = self._instruments[symbol] = replace(
                real,
                lot_step=_FINE,
                minimum_size=ZERO,
                minimum_cost=ZERO,
                minimum_sale=ZERO,
                quote_step=None if real.quote_step is None else _FINE,
            )
        return found
