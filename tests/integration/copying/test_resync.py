"""Drift and its correction in a whole system, against the exchange's own books."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.broker_manager import BaseBroker
from bot.copying.resync import AccountReplay, Standing, replay
from bot.domain.enums import OrderState
from bot.domain.ids import AccountId
from bot.ledger.commands import CommandState
from tests.integration.copying.conftest import MakeHouse
from tests.integration.copying.house import ASK, KRAKEN, PATIENCE_S, SOON, SYMBOL, House, entry_size, floor_lot
from tests.paper_exchange.client import eventually

TWO = {name: {"USD": "1000"} for name in ("anna", "bert")}
MASTER = {"USD": "10000"}


# -- what is asked ---------------------------------------------------------------------------------------------------


def standing(house: House, who: str) -> Standing | None:
    """How a user stands in bitcoin, from the ledger."""
    ledger = house.system.ledger
    assert ledger.flush(PATIENCE_S)
    (user,) = [entry.user for entry in house.system.manager.users if entry.user.user_id == who]
    assert user.master is not None
    history = ledger.views.history([user.account])
    (replayed,) = replay([AccountReplay.of(user, user.master)], history)
    return next((one for one in replayed.now.standings(history.coins) if one.symbol == SYMBOL), None)


def drift(house: House, who: str) -> dict[str, Decimal]:
    """The causes of a user's drift."""
    found = standing(house, who)
    return dict(found.drift) if found else {}


def ask(house: House, **payload: Any) -> dict[str, Any]:
    """What the running system answers to a ``resync`` command."""
    ledger = house.system.ledger
    number = ledger.post_command("resync", {"symbol": None, "request": uuid.uuid4().hex[:12], **payload})
    eventually(lambda: ledger.command(number).state in (CommandState.DONE, CommandState.FAILED), PATIENCE_S)
    result = ledger.command(number).result
    assert result is not None
    return result


def preview(house: House, who: str, **more: Any) -> dict[str, Any]:
    """What would be done for a user; one line."""
    (line,) = ask(house, do="preview", user=who, **more)["corrections"]
    found: dict[str, Any] = line
    return found


def correct(house: House, who: str, agreed: str | None = None, **more: Any) -> dict[str, Any]:
    """Agree to what would be done, or to this much, and have it done."""
    line = preview(house, who)
    if agreed is None and "quantity" in line:
        agreed = line["quantity"] if line["side"] == "buy" else f"-{line['quantity']}"
    wish = {f"{who}:kraken {SYMBOL}": agreed or "1"}
    (done,) = ask(house, do="apply", user=who, agreed=wish, **more)["corrections"]
    found: dict[str, Any] = done
    return found


def broker_of(house: House, who: str) -> BaseBroker:
    """The account's broker."""
    broker = house.system.manager.broker(AccountId(who, KRAKEN))
    assert broker is not None
    return broker


def shut_out(house: House, who: str) -> Callable[[], None]:
    """The user's key does not work; what is returned mends it and connects the account."""
    number = house.paper.fault("error", account=house.logins[who].name, text="EAPI:Invalid key", times=None)

    def mend() -> None:
        house.paper.delete(f"/faults/{number}")
        assert broker_of(house, who).resume(PATIENCE_S)

    return mend


@pytest.fixture
def drifted(make_house: MakeHouse) -> House:
    """Bert could not be reached when the master bought for $500; now he can."""
    house = make_house(TWO, variables=SOON)
    mend = shut_out(house, "bert")
    house.start()
    house.trade("buy", "500")
    mend()
    return house


def share_of(house: House, dollars: str = "500") -> Decimal:
    """What a user with $1,000 has to have."""
    bought = house.copied("master")
    assert abs(bought * ASK - Decimal(dollars)) < 1
    return entry_size(bought, Decimal(10_000), Decimal(1_000), ASK)


# -- drift -----------------------------------------------------------------------------------------------------------


def test_every_user_s_drift_has_its_cause(make_house: MakeHouse) -> None:
    users = {**TWO, "cora": {"USD": "1000"}, "dirk": {"USD": "20"}}
    house = make_house(users, entries={"cora": {"max_trade_usd": 20}})
    mend = shut_out(house, "bert")
    house.start()
    house.trade("buy", "500")
    mend()

    assert drift(house, "anna") == {}
    eventually(lambda: drift(house, "bert").keys() == {"account not connected"}, PATIENCE_S)
    assert drift(house, "cora") == {}
    assert drift(house, "dirk").keys() == {"below minimum"}
    cora = standing(house, "cora")
    assert cora is not None
    assert floor_lot(cora.should) == share_of(house)
    assert dict(cora.causes)["capped"] == cora.difference
    # Nobody knew bert's balance then; as soon as it is known, it tells.
    bert = standing(house, "bert")
    assert bert is not None
    assert floor_lot(bert.should) == share_of(house)


def test_a_user_that_was_down_gets_what_it_should_have_once(drifted: House) -> None:
    house = drifted
    house.trade("buy", "500")
    before = drift(house, "bert")
    assert before.keys() == {"account not connected"}

    done = correct(house, "bert")

    assert done["state"] == OrderState.FILLED
    assert floor_lot(before["account not connected"]) == Decimal(done["executed"]) == Decimal(done["quantity"])
    assert len(house.orders("bert")) == 2
    assert drift(house, "bert") == {}
    again = correct(house, "bert")
    assert again["refused"].startswith("no drift")
    assert len(house.orders("bert")) == 2
    assert len(house.orders("anna")) == 2


def test_coins_of_a_correction_are_sold_with_the_others(drifted: House) -> None:
    house = drifted
    house.trade("buy", "500")
    correct(house, "bert")
    held = house.copied("bert")
    assert held > 0

    house.trade("sell", str(house.held("master")), "base")

    eventually(lambda: house.copied("bert") == 0, PATIENCE_S)
    assert standing(house, "bert") is None


def test_what_was_agreed_to_is_not_exceeded(drifted: House) -> None:
    house = drifted
    house.trade("buy", "500")
    done = correct(house, "bert", agreed="0.0001")
    assert done["refused"].startswith("changed meanwhile")
    assert len(house.orders("bert")) == 1


def test_what_is_capped_stays_capped(make_house: MakeHouse) -> None:
    house = make_house(TWO, entries={"bert": {"max_trade_usd": 20}}).start()
    house.trade("buy", "500")
    assert correct(house, "bert")["refused"].startswith("no drift")
    assert len(house.orders("bert")) == 1


def test_a_correction_buys_no_more_than_one_trade_may(make_house: MakeHouse) -> None:
    house = make_house(TWO, entries={"bert": {"max_trade_usd": 30}}).start()
    house.trade("buy", "100")
    mend = shut_out(house, "bert")
    assert not broker_of(house, "bert").connect(PATIENCE_S)
    house.trade("buy", "900")
    mend()

    done = correct(house, "bert")

    assert done["note"].startswith("capped at max_trade_usd")
    assert Decimal(done["worth"]) <= 30
    assert drift(house, "bert") == {}
    assert correct(house, "bert")["refused"].startswith("no drift")


def test_what_is_too_small_for_the_venue_is_refused(make_house: MakeHouse) -> None:
    house = make_house({"dirk": {"USD": "20"}}).start()
    house.trade("buy", "500")
    assert correct(house, "dirk")["refused"].startswith("below minimum")
    assert house.orders("dirk") == []


def test_coins_sold_by_hand_are_bought_again_on_request(make_house: MakeHouse) -> None:
    house = make_house(TWO, variables={"BALANCE_REFRESH_S": "1"}).start()
    house.trade("buy", "500")
    house.logins["bert"].market("sell", "0.0005")
    eventually(lambda: drift(house, "bert"), 3 * PATIENCE_S)
    assert drift(house, "bert") == {"sold or moved by hand": Decimal("0.0005")}

    done = correct(house, "bert")

    assert (done["side"], Decimal(done["quantity"])) == ("buy", Decimal("0.0005"))
    assert drift(house, "bert") == {}
    assert floor_lot(house.held("bert")) == share_of(house)


def test_too_much_is_sold_and_only_copied_coins(make_house: MakeHouse) -> None:
    house = make_house({"anna": {"USD": "1000"}, "bert": {"USD": "1000", "BTC": "0.5"}}).start()
    house.trade("buy", "500")
    held = house.copied("bert")
    house.stop()
    house.variables = {"KRAKEN_USER_BERT_API_KEY": "", "KRAKEN_USER_BERT_API_SECRET": ""}
    house.start()
    house.trade("sell", str(floor_lot(house.held("master") / 2)), "base")
    house.stop()
    house.variables = {}
    house.start()
    assert drift(house, "bert").keys() == {"not set up then"}

    done = correct(house, "bert")

    assert done["side"] == "sell"
    assert abs(house.copied("bert") - held / 2) < Decimal("0.00000002")
    assert house.held("bert") == Decimal("0.5") + house.copied("bert")
    assert drift(house, "bert") == {}


# -- refusals --------------------------------------------------------------------------------------------------------


def test_nothing_is_corrected_while_the_kill_switch_is_set(drifted: House) -> None:
    house = drifted
    house.trade("buy", "500")
    house.system.ledger.set_kill_switch("stopped for a test", "test")
    eventually(lambda: house.system.gate.reason(), PATIENCE_S)
    try:
        assert correct(house, "bert")["refused"] == "kill switch: stopped for a test"
    finally:
        house.system.ledger.lift_kill_switch("test")
    assert len(house.orders("bert")) == 1


def test_nothing_is_corrected_in_observe_mode(make_house: MakeHouse) -> None:
    house = make_house(TWO, variables={"OBSERVE_ONLY": "true"}).start()
    house.trade("buy", "500")
    assert drift(house, "bert").keys() == {"observe mode"}
    assert correct(house, "bert")["refused"].startswith("observe mode")
    assert house.user_orders() == {}


def test_a_user_without_drift_and_one_that_nobody_knows_are_refused(make_house: MakeHouse) -> None:
    house = make_house(TWO).start()
    house.trade("buy", "500")
    assert correct(house, "anna")["refused"].startswith("no drift")
    assert preview(house, "anna", symbol=SYMBOL)["refused"].startswith("no drift")
    assert "no follower" in ask(house, do="preview", user="nobody")["error"]
    assert len(house.orders("anna")) == 1


def test_nothing_is_corrected_while_an_order_is_in_doubt(drifted: House) -> None:
    house = drifted
    house.trade("buy", "500")
    house.blind("bert")
    house.paper.fault("reset", account=house.logins["bert"].name, method="AddOrder", when="after")
    house.system.begin_trade(KRAKEN, SYMBOL, "buy", "200")
    eventually(lambda: broker_of(house, "bert").doubts, PATIENCE_S)

    assert "refused" in correct(house, "bert")

    house.paper.delete("/faults")
    eventually(lambda: not broker_of(house, "bert").doubts, PATIENCE_S)
    assert len(house.orders("bert")) == 2


# -- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "orders"), [("before", 1), ("after", 2)], ids=["never arrived", "arrived"])
def test_a_correction_whose_answer_was_lost_is_never_sent_again(drifted: House, when: str, orders: int) -> None:
    house = drifted
    house.trade("buy", "500")
    house.paper.fault("reset", account=house.logins["bert"].name, method="AddOrder", when=when)

    done = correct(house, "bert")

    assert done["state"] == (OrderState.FILLED if orders == 2 else OrderState.FAILED)
    assert len(house.orders("bert")) == orders
    assert bool(drift(house, "bert")) == (orders == 1)


def test_the_masters_coins_are_told_and_what_is_not_known_is_not_nothing(make_house: MakeHouse) -> None:
    house = make_house(TWO, variables={"BALANCE_REFRESH_S": "1"}).start()
    house.trade("buy", "500")
    eventually(lambda: ask(house, do="masters")["masters"][0]["now"], PATIENCE_S)
    (master,) = ask(house, do="masters")["masters"]
    assert Decimal(master["now"]) == house.held("master")
    assert Decimal(master["moved"]) == 0

    house.logins["master"].market("sell", "0.002")
    eventually(lambda: Decimal(ask(house, do="masters")["masters"][0]["moved"] or 0) < 0, PATIENCE_S)

    shut_out(house, "master")
    assert not broker_of(house, "master").connect(PATIENCE_S)
    (master,) = ask(house, do="masters")["masters"]
    assert (master["now"], master["moved"]) == (None, None)
    assert drift(house, "anna") == {}
