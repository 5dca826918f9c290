"""Whatever is repeated, lost or out of order: what is told is right, or the connection is said to be of no use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.alpaca.stream import AlpacaConversation
from bot.brokers.coinbase.stream import CoinbaseConversation
from bot.brokers.kraken.stream import KrakenConversation
from bot.brokers.stream import Conversation, Interrupted, KnownSymbols
from bot.domain.enums import BrokerType
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from tests.unit.brokers.stream.stand import (
    KEY,
    SECRET,
    TOKEN,
    alpaca_fill,
    coinbase_heartbeat,
    coinbase_order,
    coinbase_update,
    kraken_trade,
    kraken_update,
    symbol_of,
)

PRICE = Decimal("50000.5")
SIZES = st.decimals("0.00000001", "3", places=8)


@dataclass(frozen=True)
class Fill:
    """One trade as it happened."""

    order: str
    quantity: Decimal
    executed: Decimal


@dataclass
class Day:
    """What traded, in order; the sum of each order grows with each of its fills."""

    fills: list[Fill] = field(default_factory=list)

    @property
    def truth(self) -> set[tuple[str, Decimal]]:
        return {(fill.order, fill.executed) for fill in self.fills}


@st.composite
def days(draw: st.DrawFn) -> Day:
    day = Day()
    sums: dict[str, Decimal] = {}
    for order, size in draw(st.lists(st.tuples(st.sampled_from(["O-1", "O-2", "O-3"]), SIZES), max_size=12)):
        sums[order] = sums.get(order, Decimal(0)) + size
        day.fills.append(Fill(order, size, sums[order]))
    return day


def kraken_messages(day: Day) -> list[Any]:
    return [
        kraken_update(number, kraken_trade(fill.order, str(fill.quantity), str(fill.executed), str(PRICE)))
        for number, fill in enumerate(day.fills, start=1)
    ]


def coinbase_messages(day: Day) -> list[Any]:
    messages = []
    for number, fill in enumerate(day.fills):
        order = coinbase_order(fill.order, str(fill.executed), str(fill.executed * PRICE))
        messages += [coinbase_update(2 * number, order), coinbase_heartbeat(2 * number + 1)]
    return messages


def alpaca_messages(day: Day) -> list[Any]:
    return [alpaca_fill(fill.order, str(fill.quantity), str(fill.executed), str(PRICE)) for fill in day.fills]


def conversation(venue: BrokerType) -> Conversation:
    account = AccountId.master(venue)
    symbols = KnownSymbols(account, symbol_of)
    match venue:
        case BrokerType.KRAKEN:
            return KrakenConversation(account, TOKEN, symbols)
        case BrokerType.COINBASE:
            return CoinbaseConversation(account, [TOKEN, TOKEN], symbols)
        case BrokerType.ALPACA:
            return AlpacaConversation(account, KEY, SECRET, symbols)


MESSAGES: dict[BrokerType, Callable[[Day], list[Any]]] = {
    BrokerType.KRAKEN: kraken_messages,
    BrokerType.COINBASE: coinbase_messages,
    BrokerType.ALPACA: alpaca_messages,
}
ALL = pytest.mark.parametrize("venue", list(BrokerType), ids=str)
NUMBERED = pytest.mark.parametrize("venue", [BrokerType.KRAKEN, BrokerType.COINBASE], ids=str)


def listen(venue: BrokerType, messages: Sequence[Any]) -> tuple[list[Execution], bool]:
    """What is told, and whether it went on to the end."""
    talk = conversation(venue)
    told: list[Execution] = []
    for message in messages:
        try:
            told += talk.hear(message, lambda _: None)
        except Interrupted:
            return told, False
    return told, True


def essence(told: Sequence[Execution]) -> set[tuple[str, Decimal]]:
    return {(one.order_id, one.executed) for one in told}


@ALL
@given(day=days())
def test_a_sound_connection_tells_each_trade_once(venue: BrokerType, day: Day) -> None:
    told, to_the_end = listen(venue, MESSAGES[venue](day))

    assert to_the_end
    assert [(one.order_id, one.quantity, one.executed, one.price) for one in told] == [
        (fill.order, fill.quantity, fill.executed, PRICE) for fill in day.fills
    ]


@ALL
@given(day=days(), data=st.data())
def test_repeated_messages_add_nothing(venue: BrokerType, day: Day, data: st.DataObject) -> None:
    arriving: list[Any] = []
    for message in MESSAGES[venue](day):
        arriving.append(message)
        if data.draw(st.booleans()):
            arriving.append(data.draw(st.sampled_from(arriving)))
    told, to_the_end = listen(venue, arriving)

    assert to_the_end
    assert essence(told) == day.truth


@NUMBERED
@given(day=days(), data=st.data())
def test_a_lost_message_is_never_passed_over(venue: BrokerType, day: Day, data: st.DataObject) -> None:
    messages = MESSAGES[venue](day)
    if len(messages) < 3:
        return
    # The first sets the numbers' beginning, and behind the last nothing can show that it is missing.
    lost = data.draw(st.integers(1, len(messages) - 2))
    told, to_the_end = listen(venue, messages[:lost] + messages[lost + 1 :])

    assert not to_the_end
    assert essence(told) == essence(listen(venue, messages[:lost])[0])


@NUMBERED
@given(day=days(), data=st.data())
def test_out_of_order_it_is_right_or_interrupted(venue: BrokerType, day: Day, data: st.DataObject) -> None:
    arriving = data.draw(st.permutations(MESSAGES[venue](day)))
    told, to_the_end = listen(venue, arriving)

    assert essence(told) <= day.truth
    assert to_the_end is (arriving == MESSAGES[venue](day))


@given(day=days(), data=st.data())
def test_where_nothing_is_numbered_the_order_does_not_matter(day: Day, data: st.DataObject) -> None:
    """Alpaca's fills stand for themselves: in any order, any number of times, they say the same."""
    messages = alpaca_messages(day)
    again = data.draw(st.lists(st.sampled_from(messages), max_size=6)) if messages else []
    told, to_the_end = listen(BrokerType.ALPACA, data.draw(st.permutations(messages + again)))

    assert to_the_end
    assert essence(told) == day.truth
    assert {(one.order_id, one.executed_before, one.executed) for one in told} == {
        (fill.order, fill.executed - fill.quantity, fill.executed) for fill in day.fills
    }


@given(day=days(), data=st.data())
def test_sums_that_step_back_are_not_told(day: Day, data: st.DataObject) -> None:
    """Without numbers, Coinbase's sums in any order: what is told covers each order once, without a gap or overlap."""
    messages = [
        coinbase_update(None, coinbase_order(fill.order, str(fill.executed), str(fill.executed * PRICE)))
        for fill in day.fills
    ]
    told, _ = listen(BrokerType.COINBASE, data.draw(st.permutations(messages)))

    for order in {fill.order for fill in day.fills}:
        mine = [one for one in told if one.order_id == order]
        assert [one.executed_before for one in mine] == [Decimal(0), *(one.executed for one in mine[:-1])]
        assert mine[-1].executed == max(fill.executed for fill in day.fills if fill.order == order)
    assert essence(told) <= day.truth


@ALL
@given(day=days(), data=st.data())
def test_over_several_connections_nothing_wrong_is_told(venue: BrokerType, day: Day, data: st.DataObject) -> None:
    """Each connection begins anew; what traded in between is for REST, and what is told is the truth."""
    told: list[Execution] = []
    fills = day.fills
    while fills:
        length = data.draw(st.integers(1, len(fills)))
        told += listen(venue, MESSAGES[venue](Day(fills[:length])))[0]
        fills = fills[length + data.draw(st.integers(0, 2)) :]

    assert essence(told) <= day.truth
