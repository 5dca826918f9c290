"""One venue's engine room, put together: clock, market, accounts, engine, faults, journal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from paper_exchange.core.accounts import Account
from paper_exchange.core.clock import Clock
from paper_exchange.core.engine import Engine
from paper_exchange.core.faults import Faults
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.journal import Journal
from paper_exchange.core.market import Market
from paper_exchange.core.orders import Identifiers, Order
from paper_exchange.core.prices import PriceSource
from paper_exchange.core.settings import Settings


class Exchange:
    """Everything that one venue shares between its doors; the doors (REST, control) hold no state of their own."""

    def __init__(
        self,
        *,
        instruments: Mapping[str, Instrument],
        prices: PriceSource,
        identifiers: Identifiers,
        clock: Clock,
        settings: Settings,
        seed: int,
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.settings = settings
        self.identifiers = identifiers
        self.instruments = instruments
        self.market = Market(instruments, prices, clock, seed)
        self.engine = Engine(clock, self.market, identifiers)
        self.faults = Faults(seed, clock)
        self.journal = Journal()
        self.accounts: dict[str, Account] = {}
        self._cancel_all_at: dict[str, float] = {}

    def fee_rate(self, account: Account) -> Decimal:
        """The fraction of the cost that an account pays."""
        return self.settings.fee_rate if account.fee_rate is None else account.fee_rate

    def horizon(self, least_lag_s: float = 0.0) -> float | None:
        """The unix time up to which queries see, `None` for all; a query may trail further than the others."""
        lag = max(self.settings.read_lag_s, least_lag_s)
        return self.clock.now() - lag if lag > 0 else None

    def cancel_all(self, account: Account, reason: str) -> int:
        """Ends every live order of an account; answers how many."""
        orders: list[Order] = list(account.live_orders.values())
        for order in orders:
            self.engine.cancel(account, order, reason)
        return len(orders)

    def cancel_all_after(self, account: Account, seconds: float) -> float | None:
        """Sets the dead man's switch of an account, zero disarms it; answers the unix time at which it fires."""
        self._cancel_all_at.pop(account.name, None)
        if seconds <= 0:
            return None
        fires_at = self.clock.now() + seconds
        self._cancel_all_at[account.name] = fires_at
        return fires_at

    def housekeep(self) -> None:
        """Does what is due by the clock: expired orders and dead men's switches."""
        now = self.clock.now()
        self.engine.expire()
        for name in [name for name, due in self._cancel_all_at.items() if due <= now]:
            del self._cancel_all_at[name]
            self.cancel_all(self.accounts[name], "Cancel all orders after")
