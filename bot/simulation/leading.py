"""The master's own orders, sized, refused and told of as its broker does it."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.enums import InstrumentStatus, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import ClientOrderId, signal_id_of
from bot.domain.instruments import Instrument
from bot.domain.money import MINIMUM_FUNDED_BALANCE, ZERO, plain, positive, usd
from bot.domain.orders import AccountBalances, MarketOrder
from bot.domain.signals import TradeSignal
from bot.simulation.accounts import SimulatedAccount

#: A sell this close above the coins held means "all of it".
_SELL_ALL_TOLERANCE = Decimal("1.02")


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
    size = instrument.floor_size(amount if unit is SizeType.BASE else amount / price)
    in_quote = unit is SizeType.QUOTE and instrument.quote_step is not None
    value = instrument.floor_value(amount) if in_quote else size * price
    held = balances.available.get(instrument.base, ZERO)
    if side is Side.SELL and held < size <= held * _SELL_ALL_TOLERANCE:
        size = instrument.floor_size(held)
    worth = value if side is Side.BUY and instrument.quote_step is not None else size * price
    if size < instrument.minimum_size or size <= 0 or worth < instrument.smallest_cost(side):
        raise InvalidAmount(f"below minimum: {plain(size)} {instrument.base} ({usd(worth)})")
    _refuse_unpayable(side, size, value, instrument, balances)
    return MarketOrder(
        account=master.account,
        client_order_id=ClientOrderId(name),
        symbol=symbol,
        side=side,
        quantity=size,
        price=price,
        quote_value=value,
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


def _refuse_unpayable(
    side: Side, size: Decimal, value: Decimal, instrument: Instrument, balances: AccountBalances
) -> None:
    code = instrument.base if side is Side.SELL else instrument.quote
    # What is sized in quote has the fee inside.
    on_top = balances.fee_rate if instrument.quote_step is None else ZERO
    needed = size if side is Side.SELL else value * (1 + on_top)
    available = balances.available.get(code, ZERO)
    if needed > available:
        raise InvalidAmount(f"insufficient funds: {plain(needed)} {code} are needed, {plain(available)} are available")
