"""What a start asks the ledger: orders of which something is still to be done, and exits that came between."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, SignalId
from bot.domain.money import ZERO
from bot.domain.states import AT_THE_VENUE, MOVED_ASIDE, OPEN_STATES
from bot.ledger import tables
from bot.ledger.reader import Reader
from bot.ledger.rows import CopyRow, MasterOrderRow, SignalRow


class RecoveryQueries(Reader):
    """Every method raises ``LedgerUnavailable`` when the ledger cannot be read."""

    def open_copies(self) -> list[CopyRow]:
        """Copies of which something is still to be done or found out, oldest first."""
        copies = tables.copies
        return self._all(CopyRow, copies, copies.c.state.in_(OPEN_STATES), order=[copies.c.planned_at])

    def exits_of(self, master: AccountId, symbol: str, since: float) -> list[SignalRow]:
        """Signals to sell of a master and symbol that it traded at ``since`` (unix seconds) or later, oldest first."""
        signals = tables.signals
        wanted = (signals.c.master == master, signals.c.symbol == symbol, signals.c.timestamp >= since)
        return self._all(SignalRow, signals, signals.c.side == Side.SELL, *wanted, order=[signals.c.number])

    def late_entries(self) -> list[CopyRow]:
        """Filled entries that had been in doubt, of accounts that still hold copied coins of their symbol."""
        copies, events, coins = tables.copies, tables.order_events, tables.copied_coins
        doubted = (
            select(events.c.id)
            .where(
                events.c.signal_id == copies.c.signal_id,
                events.c.account == copies.c.account,
                events.c.to_state == OrderState.UNKNOWN,
            )
            .exists()
        )
        held = (
            select(coins.c.account)
            .where(coins.c.account == copies.c.account, coins.c.symbol == copies.c.symbol, coins.c.quantity != ZERO)
            .exists()
        )
        filled = copies.c.state.in_((OrderState.FILLED, OrderState.PARTIALLY_FILLED))
        return self._all(CopyRow, copies, copies.c.side == Side.BUY, filled, doubted, held, order=[copies.c.planned_at])

    def unfinished_exits(self) -> list[CopyRow]:
        """Exits that the venue ended with a rest that no later plan had in it, and without a further leg.

        Of accounts that still have coins of the symbol.
        """
        copies, signals, coins = tables.copies, tables.signals, tables.copied_coins
        this, later = signals.alias(), signals.alias()
        further, taken = copies.alias(), copies.alias()
        comes_later = (
            this.c.signal_id == copies.c.signal_id,
            later.c.master == this.c.master,
            later.c.symbol == this.c.symbol,
            later.c.number > this.c.number,
            # What was planned before this exit was known to have left a rest does not have the rest in it.
            later.c.planned_at >= copies.c.settled_at,
        )
        sold = select(later.c.signal_id).where(*comes_later, later.c.side == Side.SELL).exists()
        # An entry that this account did not take changes nothing of what is left.
        bought = (
            select(taken.c.leg)
            .where(
                *comes_later,
                taken.c.signal_id == later.c.signal_id,
                taken.c.account == copies.c.account,
                taken.c.state.not_in(MOVED_ASIDE),
            )
            .exists()
        )
        continued = (
            select(further.c.leg)
            .where(
                further.c.signal_id == copies.c.signal_id,
                further.c.account == copies.c.account,
                further.c.leg > copies.c.leg,
            )
            .exists()
        )
        held = (
            select(coins.c.account)
            .where(coins.c.account == copies.c.account, coins.c.symbol == copies.c.symbol, coins.c.quantity != ZERO)
            .exists()
        )
        ended = copies.c.order_id.is_not(None) & copies.c.state.in_((OrderState.PARTIALLY_FILLED, OrderState.FAILED))
        wanted = (copies.c.side == Side.SELL, ended, ~sold, ~bought, ~continued, held)
        return self._all(CopyRow, copies, *wanted, order=[copies.c.planned_at])

    def exits_after(self, signal_id: SignalId) -> list[SignalRow]:
        """Signals to sell of the same master and symbol that were recorded after this one, oldest first."""
        signals = tables.signals
        this = signals.alias()
        after = (
            select(this.c.signal_id)
            .where(
                this.c.signal_id == signal_id,
                this.c.master == signals.c.master,
                this.c.symbol == signals.c.symbol,
                this.c.number < signals.c.number,
            )
            .exists()
        )
        return self._all(SignalRow, signals, signals.c.side == Side.SELL, after, order=[signals.c.number])

    def open_master_orders(self) -> list[MasterOrderRow]:
        """Orders of masters, and of users for themselves, of which something is still to be found out, oldest first."""
        orders = tables.master_orders
        return self._all(MasterOrderRow, orders, orders.c.state.in_(OPEN_STATES), order=[orders.c.intended_at])

    def unemitted_master_orders(self) -> list[MasterOrderRow]:
        """Orders of masters that the venue has and that never became a signal, oldest first."""
        orders = tables.master_orders
        leads = orders.c.account.in_([AccountId.master(venue) for venue in BrokerType])
        wanted = (orders.c.signal_id.is_(None), orders.c.state.in_(AT_THE_VENUE), leads)
        return self._all(MasterOrderRow, orders, *wanted, order=[orders.c.intended_at])

    def last_master_order(self, account: AccountId) -> MasterOrderRow | None:
        """The latest order that one account decided for itself."""
        orders = tables.master_orders
        found = self._newest(MasterOrderRow, orders, "intended_at", 1, orders.c.account == account)
        return found[0] if found else None
