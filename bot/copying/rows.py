"""Rows of the ledger as the words that they were written from."""

from __future__ import annotations

from bot.domain.enums import OrderState, SizeType
from bot.domain.ids import VenueOrderId, signal_id_of
from bot.domain.orders import MarketOrder, OrderReport, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.rows import CopyRow, MasterOrderRow, SignalRow


def signal_of(row: SignalRow) -> TradeSignal:
    """A recorded signal."""
    return TradeSignal(
        broker=row.venue,
        symbol=row.symbol,
        side=row.side,
        price=row.price,
        size=row.size,
        size_type=row.size_type,
        order_id=row.order_id,
        master_balance=row.master_balance,
        timestamp=row.timestamp,
        position_before=row.position_before,
        signal_id=row.signal_id,
        master=row.master,
        by_hand=row.by_hand,
        filled_before=row.filled_before,
    )


def planned_copy_of(row: CopyRow) -> PlannedCopy:
    """A recorded copy, as it was planned."""
    return PlannedCopy(
        signal_id=row.signal_id,
        account=row.account,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=row.side,
        balance=row.balance,
        decision=Sized(row.quantity, row.quote_value, row.note),
        state=OrderState.PLANNED,
        reason=row.reason,
        attempt=row.attempt,
        deadline=row.deadline,
        leg=row.leg,
    )


def order_of_row(row: CopyRow) -> MarketOrder:
    """The order of a recorded copy."""
    return MarketOrder(
        account=row.account,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        quote_value=row.quote_value,
        leg=row.leg,
        attempt=row.attempt,
    )


def report_of(row: CopyRow) -> OrderReport:
    """The recorded fill of a copy, without its single trades."""
    return OrderReport(
        VenueOrderId(row.order_id or ""),
        row.executed,
        row.average_price,
        row.cost,
        row.fee,
        row.fee_currency,
        final=True,
    )


def master_order_of(row: MasterOrderRow) -> MarketOrder:
    """A recorded order that copies nothing."""
    return MarketOrder(
        account=row.account,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        position_before=row.position_before,
        balance_before=row.balance_before,
        made_at=row.intended_at,
        own=True,
    )


def signal_of_order(row: MasterOrderRow) -> TradeSignal:
    """The signal that a master's recorded order should have become."""
    return TradeSignal(
        broker=row.account.venue,
        symbol=row.symbol,
        side=row.side,
        price=row.price,
        size=row.quantity,
        size_type=SizeType.BASE,
        order_id=row.order_id or "",
        master_balance=row.balance_before,
        timestamp=row.intended_at,
        position_before=row.position_before,
        signal_id=signal_id_of(row.account, row.client_order_id),
        master=row.account,
    )
