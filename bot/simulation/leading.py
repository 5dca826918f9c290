"""The master's own orders, sized, refused and told of as its broker does it."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.enums import InstrumentStatus, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import ClientOrderId, signal_id_of
from bot.domain.instruments import Instrument
from bot.domain.money import MINIMUM_FUNDED_BALANCE, ZERO, positive, usd
from bot.domain.orders import MarketOrder, Refused
from bot.domain.own_orders import size_own_order
from bot.domain.signals import TradeSignal
from bot.simulation.accounts import SimulatedAccount


def master_order(
    master: SimulatedAccount,
    symbol: str,
    side: Side,
    amount: Decimal,
    unit: SizeType,
    price: Decimal,
    time: float,
    name: str,
) -> MarketOrder:
    """The order that the master's broker would send: the steps of ``BaseBroker`` without a venue.

    Args:
        amount: above zero, in the unit.
        price: what a market order pays or gets now, quote per base.
        time: unix seconds.
        name: its client order id.

    Raises:
        InvalidAmount: the broker would send nothing; the text begins with the reason.
    """
    amount = positive(amount, "size")
    instrument, balances = master.instrument(symbol), master.balances
    if instrument.status not in (InstrumentStatus.ONLINE, InstrumentStatus.REDUCE_ONLY):
        raise InvalidAmount(f"symbol not tradable: {symbol} is {instrument.status}")
    if side is Side.BUY and balances.trading_balance < MINIMUM_FUNDED_BALANCE:
        raise InvalidAmount(f"underfunded: {usd(balances.trading_balance)}")
    sized = size_own_order(side, amount, unit, price, instrument, balances)
    if isinstance(sized, Refused):
        raise InvalidAmount(str(sized))
    return MarketOrder(
        account=master.account,
        client_order_id=ClientOrderId(name),
        symbol=symbol,
        side=side,
        quantity=sized.quantity,
        price=price,
        quote_value=sized.quote_value,
        position_before=balances.holdings.get(instrument.base, ZERO),
        balance_before=balances.trading_balance,
        made_at=time,
    )


def signal_of(order: MarketOrder, instrument: Instrument) -> TradeSignal:
    """The signal of a master's order, as its broker emits it."""
    in_quote = order.side is Side.BUY and bool(order.quote_value) and instrument.quote_step is not None
    return TradeSignal(
        broker=order.account.venue,
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        size=order.quote_value if in_quote else order.quantity,
        size_type=SizeType.QUOTE if in_quote else SizeType.BASE,
        order_id=order.client_order_id,
        master_balance=order.balance_before,
        timestamp=order.made_at,
        position_before=order.position_before,
        signal_id=signal_id_of(order.account, order.client_order_id),
        master=order.account,
    )
