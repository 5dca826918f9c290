"""One venue's engine room, put together: clock, market, accounts, engine, faults, journal."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal

from paper_exchange.core.accounts import Account
from paper_exchange.core.engine import Engine
from paper_exchange.core.funds import FeeIn
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.market import Market
from paper_exchange.core.orders import Identifiers, Order, Ticket
from paper_exchange.core.settings import Settings
from paper_exchange.core.sockets import Sockets
from paper_exchange.core.world import World, later

_WHOLE = Decimal(1)


class Exchange:
    """Everything that one venue shares between its doors; the doors (REST, control) hold no state of their own.

    `fee_in` says which asset fees are taken in, `names_orders` whether the venue gives a client order id to an order
    that comes without one. Faults, journal and clock are the world's.
    """

    def __init__(
        self,
        *,
        world: World,
        instruments: Mapping[str, Instrument],
        first_prices: Mapping[str, Decimal],
        identifiers: Identifiers,
        settings: Settings,
        fee_in: FeeIn = FeeIn.QUOTE,
        names_orders: bool = False,
    ) -> None:
        self.seed = world.seed
        self.clock = world.clock
        self.faults = world.faults
        self.journal = world.journal
        self.settings = settings
        self.sockets = Sockets()
        self.identifiers = identifiers
        self.instruments = instruments
        prices = world.choose_prices(instruments, first_prices, world.started_at)
        self.market = Market(instruments, prices, world.clock, world.seed)
        self.engine = Engine(world.clock, self.market, identifiers, fee_in, later)
        self.accounts: dict[str, Account] = {}
        self._names_orders = names_orders
        self._random = random.Random(world.seed + 3)
        self._cancel_all_at: dict[str, float] = {}

    def fee_rate(self, account: Account) -> Decimal:
        """The fraction of the cost that an account pays."""
        return self.settings.fee_rate if account.fee_rate is None else account.fee_rate

    def place(self, account: Account, ticket: Ticket) -> Order:
        """Takes a ticket in at the account's fee and with the fill delay that is set.

        Raises InsufficientFunds or WouldTake; then nothing has changed.
        """
        settings, first_part = self.settings, _WHOLE
        if self._names_orders and ticket.client_order_id is None:
            ticket.client_order_id = self.identifiers.order_id()
        if settings.partial_fill_probability and self._random.random() < settings.partial_fill_probability:
            first_part = Decimal(self._random.randint(20, 80)) / 100
        return self.engine.place(account, ticket, self.fee_rate(account), settings.fill_delay_s, first_part)

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
