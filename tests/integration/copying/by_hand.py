"""A master that trades by hand at a paper exchange, and users that follow it through a system in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.app import CopyTradingSystem
from bot.cli.books import differences
from bot.cli.paper import variables_for
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.domain.orders import AccountBalances
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow, SignalRow
from bot.settings.env import load_settings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.paper_exchange.client import Paper, eventually

SYMBOL = "BTC-USD"
PATIENCE_S = 60.0
#: Longer than a question waits for room in a rate limit.
_CALM_S = 3.0


@dataclass
class Town:
    """A master on one venue that is watched, and its followers.

    Attributes:
        users: user id -> dollars, on the master's venue; ``name@venue`` is elsewhere.
        by_socket: whether the bot knows the venue's socket.
        variables: further environment variables.
    """

    paper: Paper
    folder: Path
    users: Mapping[str, str] = field(default_factory=lambda: {"anna": "1000", "bert": "500"})
    lead: BrokerType = BrokerType.KRAKEN
    by_socket: bool = True
    variables: dict[str, str] = field(default_factory=dict)
    master_usd: str = "10000"
    master_btc: str = "0"
    _system: CopyTradingSystem | None = None

    def __post_init__(self) -> None:
        balances = {"USD": self.master_usd, "BTC": self.master_btc}
        self.master = self._open("master", balances, self.lead)
        self._users = []
        entries: dict[BrokerType, list[dict[str, str]]] = {}
        for name, dollars in self.users.items():
            user, _, venue = name.partition("@")
            where = BrokerType(venue) if venue else self.lead
            self._users.append(self._open(user, {"USD": dollars}, where))
            entries.setdefault(where, []).append({"user_id": user, "follow": self.lead})
        (self.folder / "users").mkdir(parents=True)
        for where, found in entries.items():
            (self.folder / "users" / f"retail_{where}.json").write_text(json.dumps(found))

    def _open(self, name: str, balances: dict[str, str], venue: BrokerType) -> dict[str, str]:
        own = {"tier": "Pro"} if venue is BrokerType.KRAKEN else {}
        wanted = {"name": name, "venue": venue, "balances": balances, **own}
        (made,) = self.paper.post("/accounts", wanted)
        return {**made, "venue": venue}

    # -- the system ----------------------------------------------------------------------------------------------

    def start(self) -> Town:
        urls = {venue: getattr(self.paper, f"{venue}_url") for venue in BrokerType}
        variables = variables_for(urls, self.folder, [self.master], self._users)
        variables |= {"WATCH_MASTER": "true", "WATCH_POLL_S": "1"}
        if self.by_socket:
            variables[f"{self.lead.upper()}_WS_URL"] = self.paper.socket_urls[self.lead]
        settings = load_settings(variables | self.variables, dotenv=None)
        self._system = CopyTradingSystem(settings, front_door_switches(), TradeSignalEmitter(), unattended=True)
        self._system.start()
        if self.by_socket:
            eventually(self.is_heard, PATIENCE_S)
        self.until_asked()
        return self

    def stop(self) -> None:
        system, self._system = self._system, None
        if system is not None:
            assert system.stop(10.0) == []

    @property
    def system(self) -> CopyTradingSystem:
        assert self._system is not None
        return self._system

    def is_heard(self) -> bool:
        """Whether the master's socket is open and subscribed."""
        return any("master" in one["accounts"] for one in self.paper.get("/sockets"))

    def until_asked(self) -> None:
        """Wait until the watch began: what trades from now on counts."""
        account = AccountId.master(self.lead)
        eventually(lambda: self.system.ledger.watch(account) is not None, PATIENCE_S)

    def until_calm(self) -> None:
        """Wait until the master's account has not been asked anything for a while: only the socket tells then."""
        seen, since = -1, time.monotonic()

        def is_calm() -> bool:
            nonlocal seen, since
            count = self.paper.get("/requests?account=master")["count"]
            if count != seen:
                seen, since = count, time.monotonic()
            return time.monotonic() - since > _CALM_S

        eventually(is_calm, PATIENCE_S)

    # -- the master's hand ---------------------------------------------------------------------------------------

    def by_hand(self, side: str, volume: str, price: str | None = None, symbol: str = SYMBOL) -> dict[str, Any]:
        """An order that the master places in the venue's own app."""
        kind = {"type": "market"} if price is None else {"type": "limit", "price": price}
        order = {"account": "master", "symbol": symbol, "side": side, "volume": volume, **kind}
        placed: dict[str, Any] = self.paper.post("/orders", order)
        return placed

    def cancel(self, order_id: str) -> None:
        self.paper.delete(f"/orders/{order_id}")

    # -- what became of it ---------------------------------------------------------------------------------------

    def signals(self) -> list[SignalRow]:
        """All signals, oldest first."""
        return list(reversed(self.system.ledger.views.recent_signals(1000)))

    def until_signals(self, count: int) -> list[SignalRow]:
        """Wait for so many signals whose copies have all ended."""

        def settled() -> bool:
            signals = self.signals()
            return len(signals) >= count and not any(copy.settled_at is None for copy in self.sent(signals))

        eventually(settled, PATIENCE_S)
        found = self.signals()
        assert len(found) == count, found
        return found

    def sent(self, signals: list[SignalRow]) -> list[CopyRow]:
        """The copies that were meant to be sent."""
        self.system.ledger.flush(PATIENCE_S)
        copies = [copy for signal in signals for copy in self.system.ledger.views.copies_of(signal.signal_id)]
        return [copy for copy in copies if copy.quantity > 0 and copy.state not in ("EXPIRED", "OBSERVED")]

    def copies(self, signal: SignalRow) -> dict[str, CopyRow]:
        """The copies of a signal, by user."""
        self.system.ledger.flush(PATIENCE_S)
        return {copy.user_id: copy for copy in self.system.ledger.views.copies_of(signal.signal_id)}

    def orders(self, who: str) -> list[dict[str, Any]]:
        """The exchange's own books of one account."""
        found: list[dict[str, Any]] = self.paper.get(f"/books?account={who}")["orders"]
        return found

    def held(self, who: str, asset: str = "BTC") -> Decimal:
        """What the exchange says that an account has."""
        return Decimal(self.paper.get(f"/accounts/{who}")["balances"].get(asset, "0"))

    def books_agree(self) -> None:
        """The ledger and the exchange's books of the users say the same."""
        self.system.ledger.flush(PATIENCE_S)
        books = self.paper.get("/books")
        hand = {order["order_id"] for order in books["orders"] if order["account"] == "master"}
        own = {row.order_id for row in self.system.ledger.views.master_orders(1000)}
        books = {
            name: [row for row in rows if row.get("order_id") not in hand - own] if isinstance(rows, list) else rows
            for name, rows in books.items()
        }
        _, found = differences(self.system.ledger.views, books)
        assert found == []

    def balances(self) -> AccountBalances:
        """Of the master, as the bot knows them."""
        broker = self.system.manager.master(self.lead)
        assert broker is not None
        return broker.get_account_balance_detailed()
