"""The part of the ledger's front that a master's watcher works with."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.ports import Clock
from bot.ledger.parts import save_uncopied, save_watch
from bot.ledger.rows import PartRow, SignalRow, UncopiedRow, WatchRow
from bot.ledger.views import Views
from bot.ledger.writer import Writer


class WatchingLedger:
    """Writes return after their commit; reads see whatever is committed."""

    _writer: Writer
    _clock: Clock
    views: Views

    def watch(self, account: AccountId) -> WatchRow | None:
        """How far a master is watched; None when it never was.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.watch(account)

    def set_watch(self, account: AccountId, since: float, until: float) -> None:
        """Commit how far a master is watched.

        Args:
            since: unix seconds; executions from then on count.
            until: unix seconds; everything from before has become signals, or is known not to.

        Raises:
            LedgerUnavailable: nothing was committed.
        """
        row = WatchRow(account, since, until, self._clock.time())
        self._writer.run(lambda connection: save_watch(connection, row))

    def record_uncopied(self, account: AccountId, order_id: str, executed: Decimal, reason: str) -> None:
        """Commit what of a master's order no signal covers and none will.

        Args:
            executed: base, of the order altogether, above what its signals cover; of two figures the larger one stands.

        Raises:
            LedgerUnavailable: nothing was committed.
        """
        row = UncopiedRow(account, order_id, executed, reason, self._clock.time())
        self._writer.run(lambda connection: save_uncopied(connection, row))

    def covered(self, account: AccountId, order_ids: Collection[str]) -> dict[str, Decimal]:
        """Base of each of a master's orders that is done with: its signals, and what will not be copied of it.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.covered(account, order_ids)

    def signals_of_order(self, master: AccountId, order_id: str) -> list[SignalRow]:
        """The signals of one order of a master, oldest first.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.signals_of_order(master, order_id)

    def copies_of_order(self, master: AccountId, order_id: str) -> list[PartRow]:
        """The copies of all signals of one order of a master: by signal, oldest first, account and leg.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.copies_of_order(master, order_id)

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        """Those of the names under which the bot placed an order for the account, without copying anything.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.own_orders(account, names)

    def is_own_order(self, account: AccountId, client_order_id: ClientOrderId) -> bool:
        """Whether the bot placed this order for the account, or was about to, without copying anything.

        Raises:
            LedgerUnavailable: not known.
        """
        return self.views.is_own_order(account, client_order_id)
