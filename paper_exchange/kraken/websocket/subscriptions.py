"""What a client has subscribed to: a snapshot, then updates, numbered without a gap from 1."""

from __future__ import annotations

from typing import Any

import orjson

from paper_exchange.core.accounts import Account, LedgerEntry
from paper_exchange.core.orders import Order
from paper_exchange.core.sockets import Wire
from paper_exchange.kraken.instruments import Catalogue
from paper_exchange.kraken.websocket import balances
from paper_exchange.kraken.websocket.executions import ExecutionReports


class Subscription:
    """One channel of one account on one connection; it watches the account from `start` to `end`."""

    channel = ""

    def __init__(self, wire: Wire, account: Account) -> None:
        self._wire = wire
        self.account = account
        self.sequence = 0

    def start(self, snapshot: list[dict[str, Any]] | None) -> None:
        """Sends the snapshot, if there is to be one, and follows the account from now on."""
        if snapshot is not None:
            self._wire.send(self._numbered("snapshot", snapshot))
        self.account.watchers.append(self)

    def end(self) -> None:
        """Follows the account no more."""
        self.account.watchers.remove(self)

    def order_moved(self, order: Order) -> None:
        """An order has a new state."""

    def balance_changed(self, entry: LedgerEntry) -> None:
        """A change of a balance was booked."""

    def _update(self, row: dict[str, Any]) -> None:
        self._wire.send_update(self._numbered("update", [row]))

    def _numbered(self, kind: str, rows: list[dict[str, Any]]) -> str:
        self.sequence += 1
        self._wire.channels[self.channel] = self.sequence
        message = {"channel": self.channel, "type": kind, "data": rows, "sequence": self.sequence}
        return orjson.dumps(message).decode()


class Executions(Subscription):
    """What happens to the account's orders, whoever placed them."""

    channel = "executions"

    def __init__(self, wire: Wire, account: Account, reports: ExecutionReports) -> None:
        super().__init__(wire, account)
        self._reports = reports

    def order_moved(self, order: Order) -> None:
        """Sends one update for each event."""
        for report in self._reports.changes(order):
            self._update(report)


class Balances(Subscription):
    """What happens to the account's balances."""

    channel = "balances"

    def __init__(self, wire: Wire, account: Account, catalogue: Catalogue) -> None:
        super().__init__(wire, account)
        self._catalogue = catalogue

    def balance_changed(self, entry: LedgerEntry) -> None:
        """Sends one update for each leg."""
        self._update(balances.change(entry, self._catalogue))
