"""Makes accounts and brokers on a venue's paper exchange."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.domain.enums import OrderState
from bot.domain.ids import AccountId
from bot.runtime.clock import SystemClock
from tests.contract.venue import PATIENCE_S, Connection, Line, Login, Peculiar, Venue
from tests.fakes.ports import FakePorts
from tests.fakes.relay import Relay, relaying
from tests.paper_exchange.client import Paper, eventually

_numbers = itertools.count(1)

_SETTINGS: dict[str, Any] = {
    "latency_ms": 0,
    "read_lag_s": 0,
    "partial_fill_probability": 0,
    "rate_limits": True,
    "system_status": "online",
    "clock_offset_s": 0,
}
_MARKET: dict[str, Any] = {"price": "50000", "spread": "10", "depth": None, "status": "online"}


@dataclass
class Seat:
    """One account's broker, its owner's login at the venue and the fakes around it."""

    stand: Stand
    login: Login
    account: AccountId
    broker: BaseBroker
    fakes: FakePorts

    def connect(self) -> Seat:
        assert self.broker.connect(PATIENCE_S), self.broker.status
        return self

    def orders(self) -> list[dict[str, Any]]:
        """What the venue's own books have of this account."""
        return self.login.orders()

    def trade(self, side: str, size: str, name: str | None = None) -> str:
        """A market order by hand that has ended; its id."""
        order_id = self.login.market(side, size, name)
        eventually(lambda: any(row["order_id"] == order_id and row["closed_at"] for row in self.orders()))
        return order_id

    def order_calls(self) -> int:
        """How often an order of this account reached the venue."""
        return self.calls(self.stand.venue.order_method)

    def calls(self, method: str) -> int:
        """How often this account called one of the venue's methods."""
        count: int = self.stand.paper.get(f"/requests?method={method}&account={self.login.name}")["count"]
        return count

    def states(self) -> list[OrderState]:
        """The states of this account's orders as they were written, in order."""
        return [state for _, _, state, _ in self.fakes.trace.of("journal.answered")]

    def fault(self, kind: str, **more: Any) -> None:
        """Order a fault for this account's next order."""
        self.any_fault(kind, **{"method": self.stand.venue.order_method, **more})

    def any_fault(self, kind: str, **more: Any) -> None:
        """Order a fault for whatever this account asks next."""
        self.stand.paper.fault(kind, account=self.login.name, **more)

    def balances(self) -> dict[str, str]:
        """What the venue's own books say that the account has."""
        found: dict[str, str] = self.stand.paper.get(f"/accounts/{self.login.name}")["balances"]
        return found


@dataclass
class Stand:
    """Makes accounts and brokers at one venue's paper exchange; ends with its test."""

    venue: Venue
    session: str
    paper: Paper
    folder: Path
    _connections: dict[Line, Connection] = field(default_factory=dict)
    _brokers: list[BaseBroker] = field(default_factory=list)
    _relays: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        """The venue as it is by itself: BTC-USD at 50,000 with a spread of 10, no faults."""
        self.paper.delete("/faults")
        self.paper.delete("/requests")
        self.settings(**_SETTINGS, **self.venue.settings)
        self.set_market(**_MARKET, **self.venue.market)

    # -- the venue -----------------------------------------------------------------------------------------------

    def settings(self, **changes: Any) -> None:
        """Change the exchange's settings of this venue."""
        self.paper.patch(f"/settings?venue={self.venue.venue}", **changes)

    def set_market(self, symbol: str = "BTC-USD", **changes: Any) -> None:
        """Change a symbol at this venue."""
        self.paper.patch(f"/market/{symbol}?venue={self.venue.venue}", **changes)

    def market(self) -> dict[str, dict[str, Any]]:
        """Every symbol as it is at this venue."""
        found: dict[str, dict[str, Any]] = self.paper.get(f"/market?venue={self.venue.venue}")
        return found

    def ask(self, symbol: str = "BTC-USD") -> Decimal:
        """What a market buy pays now."""
        return Decimal(self.market()[symbol]["ask"])

    def bid(self, symbol: str = "BTC-USD") -> Decimal:
        """What a market sell gets now."""
        return Decimal(self.market()[symbol]["bid"])

    def refused_calls(self) -> dict[str, int]:
        """What the venue refused, by its error."""
        found: dict[str, int] = self.paper.get(f"/requests?venue={self.venue.venue}")["refused"]
        return found

    # -- accounts and brokers ------------------------------------------------------------------------------------

    def relay(self) -> Relay:
        """What stands between the venue and its brokers and changes what it says."""
        return self._relays.enter_context(relaying(self.venue.url(self.paper)))

    def seat(
        self,
        balances: Mapping[str, str] | None = None,
        *,
        master: bool = False,
        peculiar: Peculiar | None = None,
        secret: str | None = None,
        fields: Mapping[str, Any] | None = None,
        url: str = "",
        **more: Any,
    ) -> Seat:
        """An account with $10,000, unless balances are given, and its started broker; not connected yet.

        Args:
            fields: what else the account is opened with.
            url: where to send requests instead of the venue itself.
        """
        name = f"{self.venue.venue}{next(_numbers)}"
        known = peculiar or Peculiar()
        if known.answers:
            relay = self.relay()
            relay.changes.update(known.answers)
            url = relay.url
        wanted = {**self.venue.beside, **(balances or {"USD": "10000"})}
        login = self.venue.login(self.paper, name, wanted, **known.fields, **(fields or {}))
        account = AccountId.master(self.venue.venue) if master else AccountId(name, self.venue.venue)
        return self._sit(login, account, secret or login.secret, url=url, **more)

    def again(self, seat: Seat, **more: Any) -> Seat:
        """The same account in a new process: the one before has ended."""
        seat.broker.stop()
        assert seat.broker.join(time.monotonic() + PATIENCE_S)
        self._brokers.remove(seat.broker)
        return self._sit(seat.login, seat.account, seat.login.secret, **more)

    def _sit(
        self,
        login: Login,
        account: AccountId,
        secret: str,
        *,
        announcer: Any = None,
        read_timeout_s: float = 10.0,
        deadline_s: float = 5.0,
        options: BrokerOptions | None = None,
        url: str = "",
    ) -> Seat:
        fakes = FakePorts(announcer)
        ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
        connection = self.connection(read_timeout_s, deadline_s, url)
        broker = connection.broker(account, login.key, secret, ports, options or BrokerOptions(fill_wait_s=PATIENCE_S))
        broker.start()
        self._brokers.append(broker)
        return Seat(self, login, account, broker, fakes)

    def connection(self, read_timeout_s: float = 10.0, deadline_s: float = 5.0, url: str = "") -> Connection:
        """What brokers of one line share."""
        line = Line(url or self.venue.url(self.paper), self.session, read_timeout_s, self.folder, deadline_s)
        if line not in self._connections:
            self._connections[line] = self.venue.connection(line)
        return self._connections[line]

    def close(self) -> None:
        for broker in self._brokers:
            broker.stop()
        deadline = time.monotonic() + PATIENCE_S
        ended = [broker.join(deadline) for broker in self._brokers]
        for connection in self._connections.values():
            connection.close()
        self._relays.close()
        assert all(ended)
