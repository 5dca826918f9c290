"""An order that fills little by little, from its signals to the exchange's books: all of it together is the rule's."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import OrderState
from bot.domain.ids import signal_id_of
from bot.domain.signals import CopyTradeResult, TradeSignal
from tests.integration.copying.conftest import MakeHouse
from tests.integration.copying.house import (
    ASK,
    BID,
    LOT,
    MASTER,
    PATIENCE_S,
    SOON,
    House,
    by_user,
    entry_size,
    exit_size,
    signal_of,
)
from tests.paper_exchange.client import eventually

#: user id -> dollars. Of an order of a thousand by a master with ten thousand, a tenth of it is 200, 10, ..., 0.09.
DOLLARS = {"whale": "20000", "anna": "1000", "bert": "333.33", "cora": "120", "dirk": "60", "emma": "31", "tiny": "9"}
#: The exchange's smallest order: 0.00005 BTC, and a lot for rounding.
SMALLEST = Decimal("0.00005") + LOT
TENTH = Decimal("0.002")


def part_of(number: int, side: str = "buy", order_id: str = "OLIMIT-AAAAA-BBBBBB", **more: Any) -> TradeSignal:
    """A tenth of an order of 0.02 BTC."""
    before = number * TENTH
    fields: dict[str, Any] = {
        "by_hand": True,
        "filled_before": before,
        "signal_id": signal_id_of(MASTER, f"{order_id}+{before}"),
        "position_before": Decimal(0) if side == "buy" else TENTH * 10 - before,
        "price": ASK if side == "buy" else BID,
    }
    return signal_of(side, order_id=order_id, **(fields | {"size": str(TENTH)} | more))


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house({name: {"USD": dollars} for name, dollars in DOLLARS.items()}).start()


def copy(house: House, signal: TradeSignal) -> dict[str, CopyTradeResult]:
    return by_user(house.system.copy_signal(signal))


def wanted(parts: int) -> dict[str, Decimal]:
    """What the rule gives each user for so many tenths of the order, as one order."""
    return {
        name: entry_size(TENTH * parts, Decimal(10_000), Decimal(dollars), ASK) for name, dollars in DOLLARS.items()
    }


@pytest.mark.parametrize("parts", [10, 7], ids=["all of it", "cancelled after seven"])
def test_an_order_in_tenths_is_copied_like_one_order(house: House, parts: int) -> None:
    for number in range(parts):
        results = copy(house, part_of(number))
        assert {result.state for result in results.values()} <= {OrderState.FILLED, OrderState.SKIPPED}

    for name, whole in wanted(parts).items():
        bought = house.held(name)
        assert bought <= whole, name
        assert bought == whole or whole - bought < SMALLEST, (name, whole, bought)
        assert bought * ASK <= Decimal(DOLLARS[name]) / 10, name
    assert house.held("anna") == wanted(parts)["anna"], "who is above the minimum with each part misses nothing"
    assert house.held("dirk") > 0, "who is below it gets several parts in one order"
    assert house.held("tiny") == 0

    # Half of the position is sold in tenths, and the rest at once.
    bought_by = {name: house.copied(name) for name in DOLLARS}
    for number in range(5):
        copy(house, part_of(number, "sell", "OSALE1-AAAAA-BBBBBB"))
    for name, bought in bought_by.items():
        left = house.copied(name)
        half = exit_size(bought, Decimal(1), Decimal(2))
        assert left == 0 or abs(bought - left - half) < SMALLEST, (name, bought, left)
    rest = str(TENTH * 5)
    copy(house, part_of(0, "sell", "OSALE2-AAAAA-BBBBBB", size=rest, position_before=Decimal(rest), complete=True))
    assert {name: house.copied(name) for name in DOLLARS} == dict.fromkeys(DOLLARS, Decimal(0))
    assert house.system.ledger.copied_coins() == {}


def test_the_limit_of_ten_percent_holds_for_the_order(house: House) -> None:
    """Each part alone would be within it."""
    for number in range(10):
        copy(house, part_of(number, master_balance=Decimal(3000)))

    for name, dollars in DOLLARS.items():
        used = house.held(name) * ASK
        assert used <= Decimal(dollars) / 10
        if Decimal(dollars) >= 100:
            assert Decimal(dollars) / 10 - used < SMALLEST * ASK
    rows = [row.copy for row in house.system.ledger.copies_of_order(MASTER, "OLIMIT-AAAAA-BBBBBB")]
    assert {row.code for row in rows if row.user_id == "anna"} == {"", "cap reached"}


def test_every_part_is_copied_once_across_a_restart_in_the_middle(house: House) -> None:
    for number in range(4):
        copy(house, part_of(number))
    house.stop()
    house.start()

    assert copy(house, part_of(3)) == {}, "it was copied before"
    for number in (*range(4, 10), 4, 9):
        copy(house, part_of(number))

    for name, whole in wanted(10).items():
        assert house.held(name) == whole or whole - house.held(name) < SMALLEST, name
    assert len(house.orders("anna")) == 10
    assert house.system.ledger.covered(MASTER, ["OLIMIT-AAAAA-BBBBBB"]) == {"OLIMIT-AAAAA-BBBBBB": TENTH * 10}


def test_a_part_that_was_missed_is_not_jumped_over(house: House) -> None:
    copy(house, part_of(0))
    signal = part_of(2)

    assert copy(house, signal) == {}
    assert len(house.orders("anna")) == 1
    assert copy(house, part_of(1))["anna"].state is OrderState.FILLED
    assert house.held("anna") == wanted(2)["anna"]


def test_the_last_part_of_an_exit_is_carried_out_however_late_and_an_old_entry_is_not(make_house: MakeHouse) -> None:
    house = make_house({"anna": {"USD": "1000"}, "cora": {"USD": "120"}}, variables=SOON).start()
    for number in range(10):
        copy(house, part_of(number))
    long_ago = time.time() - 3600

    entry = copy(house, part_of(0, order_id="OLATE1-AAAAA-BBBBBB", timestamp=long_ago))
    assert {result.state for result in entry.values()} == {OrderState.EXPIRED}
    sold = copy(house, part_of(0, "sell", "OSALE1-AAAAA-BBBBBB"))
    assert sold["anna"].state is OrderState.FILLED
    assert sold["cora"].reason.endswith("; carried to the order's next fill")
    late = part_of(1, "sell", "OSALE1-AAAAA-BBBBBB", size=str(TENTH * 9), timestamp=long_ago)
    house.system.emitter.emit(late)

    eventually(lambda: house.copied("anna") == house.copied("cora") == 0, PATIENCE_S)
    assert [order["side"] for order in house.orders("anna")] == ["buy"] * 10 + ["sell"] * 2
