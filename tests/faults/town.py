"""A master, users and the real program, with troubles at the exchange; and what both sides have written down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bot.cli.faults.kinds import CALLS, ORDER
from bot.domain.ids import AccountId
from bot.domain.states import AT_THE_VENUE
from tests.e2e.house import House, Running
from tests.paper_exchange.client import eventually

#: A test that passes never waits for it.
SETTLED_WITHIN_S = 45.0
#: States in which something is still to be found out.
UNSETTLED = frozenset({"SUBMITTING", "UNKNOWN", "ACCEPTED"})
#: Short times, so that what is to be proven is proven soon; deadline and settling time are the least that is allowed.
QUICK = {"ORDER_DEADLINE_S": "2", "ORDER_SETTLE_S": "1", "READ_TIMEOUT_S": "2", "CONNECT_TIMEOUT_S": "2"}

Row = dict[str, Any]


@dataclass
class Town(House):
    """A house whose answers get lost.

    Users are named by what happens to them; environment variables are ``QUICK``'s unless the test says otherwise.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.variables = {**QUICK, **self.variables}

    # -- troubles ------------------------------------------------------------------------------------------------

    def strike(self, who: str, kind: str, **more: Any) -> int:
        """Arm a fault for one account; an order is struck unless ``method`` says otherwise."""
        return self.paper.fault(kind, account=self.logins[who].name, **{"method": self.order_call(who), **more})

    def order_call(self, who: str) -> str:
        """What the exchange calls the placing of an order of this account."""
        (call,) = CALLS[self.venue_of(who)][ORDER]
        return call

    def account_of(self, who: str) -> str:
        """As the ledger names a user's account."""
        return str(AccountId(who, self.venue_of(who)))

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> Running:
        """The running bot, ready to trade; it runs until it is stopped, or the test is over."""
        running = self.begin("run")
        running.wait_until_said(self.ready_line)
        return running

    # -- trades --------------------------------------------------------------------------------------------------

    def trade(self, *arguments: str) -> Running:
        """The master trades: ``buy``, ``BTC-USD``, ``--usd``, ``500``; returns when its signal is recorded."""
        before = len(self.rows("signals"))
        command = self.begin("trade", *arguments, "--venue", self.venue_of("master"), "--json")
        eventually(lambda: len(self.rows("signals")) > before, SETTLED_WITHIN_S)
        return command

    def buy(self, usd: str = "500") -> None:
        """The master buys bitcoin for so many dollars, and everything about it is settled."""
        self.trade("buy", "BTC-USD", "--usd", usd)
        self.until_settled()

    def sell_all(self) -> None:
        """The master sells all its bitcoin, and everything about it is settled."""
        self.trade("sell", "BTC-USD", "--quantity", f"{self.held('master'):f}")
        self.until_settled()

    def until_settled(self, within_s: float = SETTLED_WITHIN_S, waiting: int = 0) -> None:
        """Wait until nothing is unknown any more, and no more orders than ``waiting`` wait."""

        def settled() -> bool:
            # In this order: what becomes a signal between the two looks is then seen as one that has no copies yet.
            masters = self.rows("master_orders")
            states = [row["state"] for row in self.rows("copies") + masters]
            told = all(row["signal_id"] for row in masters if row["state"] in AT_THE_VENUE)
            return told and not UNSETTLED & set(states) and states.count("PLANNED") <= waiting

        eventually(settled, within_s)

    # -- the ledger ----------------------------------------------------------------------------------------------

    def rows(self, table: str) -> list[Row]:
        """All rows of one table of the ledger, read past the program; none while there is no ledger."""
        if not self.ledger.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=rw", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] if found else []

    def copies(self, who: str) -> list[Row]:
        """One user's copies, oldest first."""
        rows = [row for row in self.rows("copies") if row["user_id"] == who]
        return sorted(rows, key=lambda row: (row["planned_at"], row["leg"]))

    def last_copy(self, who: str) -> Row:
        """One user's latest copy."""
        return self.copies(who)[-1]

    # -- the exchange --------------------------------------------------------------------------------------------

    def sent(self, who: str) -> list[Row]:
        """Every order of one account that arrived at the exchange, executed or not."""
        asked = f"/requests?method={self.order_call(who)}&account={self.logins[who].name}"
        found: list[Row] = self.paper.get(asked)["requests"]
        return found
