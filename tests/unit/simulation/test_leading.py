"""The master's order in a simulation is the one that its broker would have sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, MarketOrder
from bot.simulation.accounts import SimulatedAccount
from bot.simulation.leading import master_order, signal_of
from tests.fakes.broker import ScriptedBroker
from tests.fakes.ports import FakePorts

MASTER = AccountId.master(BrokerType.KRAKEN)
SYMBOL = "BTC-USD"
#: A venue that sizes buys in coins, and one that sizes them in money.
INSTRUMENTS = {
    "in base": Instrument(SYMBOL, "BTC", "USD", Decimal("1E-8"), Decimal("0.1"), Decimal("0.00005"), Decimal("0.5")),
    "in quote": Instrument(
        SYMBOL, "BTC", "USD", Decimal("1E-6"), Decimal("0.01"), Decimal("1E-6"), Decimal(1), quote_step=Decimal("0.01")
    ),
    "with a minimum for sales": Instrument(
        SYMBOL,
        "BTC",
        "USD",
        Decimal("1E-9"),
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal(10),
        minimum_sale=Decimal(0),
    ),
}

amounts = st.decimals("0.000001", 20_000, places=6)
prices = st.decimals(100, 100_000, places=2)
coins = st.decimals(0, 2, places=8)
rates = st.decimals(0, "0.02", places=4)


class Prepared(ScriptedBroker):
    """The real broker's own step that makes an order, without its lane."""

    def order(self, symbol: str, side: Side, amount: Decimal, unit: SizeType) -> MarketOrder:
        return self._prepare(symbol, side, amount, unit)


def broker_of(instrument: Instrument, balances: AccountBalances, price: Decimal) -> Prepared:
    broker = Prepared(MASTER, FakePorts())
    broker.instruments = {SYMBOL: instrument}
    broker.price = price
    broker._balances = balances
    return broker


@pytest.mark.parametrize("kind", INSTRUMENTS)
@given(
    side=st.sampled_from(Side),
    unit=st.sampled_from(SizeType),
    amount=amounts,
    price=prices,
    dollars=st.decimals(0, 20_000, places=2),
    held=coins,
    rate=rates,
)
def test_it_is_the_brokers(
    kind: str,
    side: Side,
    unit: SizeType,
    amount: Decimal,
    price: Decimal,
    dollars: Decimal,
    held: Decimal,
    rate: Decimal,
) -> None:
    instrument = INSTRUMENTS[kind]
    fakes_now = FakePorts().clock.time()
    balances = AccountBalances({"USD": dollars, "BTC": held}, fee_rate=rate, at=fakes_now)
    broker = broker_of(instrument, balances, price)
    account = SimulatedAccount(MASTER, dollars, "USD", rate)
    account.balances = balances
    account._instruments[SYMBOL] = instrument

    expected, refused = None, False
    try:
        expected = broker.order(SYMBOL, side, amount, unit)
    except InvalidAmount:
        refused = True
    try:
        found = master_order(account, SYMBOL, side, amount, unit, price, broker.fakes.clock.time(), "a name")
    except InvalidAmount:
        assert refused
        return

    assert not refused
    assert expected is not None
    same = ("symbol", "side", "quantity", "price", "quote_value", "position_before", "balance_before")
    assert [getattr(found, name) for name in same] == [getattr(expected, name) for name in same]

    signal, emitted = signal_of(found, instrument), broker._signal_of(expected, found.client_order_id)
    told = ("broker", "symbol", "side", "price", "size", "size_type", "master_balance", "position_before", "master")
    assert [getattr(signal, name) for name in told] == [getattr(emitted, name) for name in told]


@pytest.mark.parametrize(
    ("amount", "dollars", "reason"),
    [
        pytest.param("100", "0.49", "underfunded", id="underfunded"),
        pytest.param("0.4", "1000", "below minimum", id="below the minimum"),
        pytest.param("1000", "1000", "insufficient funds", id="the fee is on top"),
    ],
)
def test_a_refusal_begins_with_its_reason(amount: str, dollars: str, reason: str) -> None:
    account = SimulatedAccount(MASTER, Decimal(dollars), "USD", Decimal("0.01"))

    with pytest.raises(InvalidAmount, match=f"^{reason}: "):
        master_order(account, SYMBOL, Side.BUY, Decimal(amount), SizeType.QUOTE, Decimal(50_000), 0.0, "a name")
