"""A drift in, one order or the reason for none out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.guards import Follower
from bot.copying.resync import Correction, CorrectionRules, Standing, describe, plan_correction
from bot.domain.enums import InstrumentStatus, OrderState, Side
from bot.domain.ids import AccountId, client_order_id_of
from bot.domain.orders import Refused
from tests.fakes.broker import BTC
from tests.fakes.clock import NOW
from tests.fakes.followers import StillBroker, follower
from tests.unit.copying.builders import MASTER, TANIA

PRICE = Decimal(40_000)
RULES = CorrectionRules(
    request="abc",
    price=PRICE,
    stopped=None,
    observe_only=False,
    max_user_risk=Decimal("0.10"),
    now=NOW,
    deadline=NOW + 5,
)


def drifting(has: Any = "0.001", **causes: Any) -> Standing:
    """Tania has this much, and so much less than she should for these causes."""
    amounts = tuple((name.replace("_", " "), Decimal(amount)) for name, amount in causes.items())
    held = Decimal(has)
    should = held + sum(amount for _, amount in amounts)
    return Standing(TANIA, "BTC-USD", MASTER, Decimal(should), held, amounts, PRICE)


def planned(standing: Standing, one: Follower | None = None, rules: CorrectionRules = RULES) -> Correction:
    found = plan_correction(standing, one or follower(), rules)
    assert isinstance(found, Correction), found
    return found


def refused(standing: Standing, one: Follower | None = None, rules: CorrectionRules = RULES) -> str:
    found = plan_correction(standing, one or follower(), rules)
    assert isinstance(found, Refused), found
    return found.code


def broker_of(one: Follower) -> StillBroker:
    assert isinstance(one.broker, StillBroker)
    return one.broker


def test_what_is_missing_is_bought() -> None:
    found = planned(drifting(kill_switch="0.002"))
    assert (found.order.side, found.order.quantity, found.order.price) == (Side.BUY, Decimal("0.002"), PRICE)
    assert found.note == ""


def test_what_is_too_much_is_sold() -> None:
    found = planned(drifting(failed="-0.0004"))
    assert (found.order.side, found.order.quantity) == (Side.SELL, Decimal("0.0004"))


def test_no_more_than_the_copied_coins_is_sold() -> None:
    assert planned(drifting("0.001", failed="-0.002")).order.quantity == Decimal("0.001")


def test_a_rest_that_would_be_dust_is_sold_along() -> None:
    assert planned(drifting("0.001", failed="-0.00099")).order.quantity == Decimal("0.001")


def test_the_signal_is_the_account_s_own_and_names_the_request() -> None:
    found = planned(drifting(kill_switch="0.002"))
    assert (found.signal.master, found.signal.order_id) == (TANIA, "resync-abc-BTC-USD")
    assert found.copy.client_order_id == client_order_id_of(found.signal.signal_id, TANIA)
    assert found.copy.state is OrderState.SUBMITTING
    assert found.copy.deadline == NOW + 5
    assert found.signal.timestamp == NOW


def test_the_same_request_has_the_same_name_and_another_one_another() -> None:
    first, again = planned(drifting(kill_switch="0.002")), planned(drifting(kill_switch="0.001"))
    other = planned(drifting(kill_switch="0.002"), rules=replace(RULES, request="def"))
    assert first.order.client_order_id == again.order.client_order_id
    assert first.order.client_order_id != other.order.client_order_id


@pytest.mark.parametrize("cause", ["capped", "rounding_and_fees"])
def test_what_is_no_drift_is_not_corrected(cause: str) -> None:
    assert refused(drifting(**{cause: "0.002"})) == "no drift"


def test_a_multiplier_is_not_applied_twice() -> None:
    assert planned(drifting(kill_switch="0.001"), follower(multiplier=2)).order.quantity == Decimal("0.001")


@pytest.mark.parametrize(
    ("fields", "dollars", "most"),
    [
        ({}, 1000, Decimal(100)),
        ({"max_user_risk": Decimal("0.05")}, 1000, Decimal(50)),
        ({"max_trade_usd": 30}, 1000, Decimal(30)),
    ],
    ids=["10 % of the balance", "the user's own share", "max_trade_usd"],
)
def test_the_limits_of_one_trade_hold(fields: dict[str, Any], dollars: int, most: Decimal) -> None:
    found = planned(drifting(kill_switch="1"), follower(dollars=dollars, **fields))
    assert most - 1 < found.order.quantity * PRICE <= most
    assert found.note.startswith("capped")


def _with(**changes: Any) -> Callable[[], Follower]:
    def make() -> Follower:
        one = follower()
        for name, value in changes.items():
            setattr(broker_of(one), name, value)
        return one

    return make


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_with(connected=False), "account not connected"),
        (_with(paused=True), "account paused"),
        (_with(doubted={"BTC-USD"}), "symbol in doubt"),
        (_with(instruments={}), "symbol not listed"),
        (_with(instruments={"BTC-USD": replace(BTC, status=InstrumentStatus.CANCEL_ONLY)}), "symbol not tradable"),
        (lambda: follower(disabled_symbols=["BTC-USD"]), "symbol disabled"),
        (lambda: follower(allowed_symbols=["ETH-USD"]), "symbol not allowed"),
        (lambda: follower(dollars="0.20"), "underfunded"),
    ],
    ids=[
        "not connected",
        "paused",
        "in doubt",
        "not listed",
        "not tradable",
        "disabled",
        "not allowed",
        "underfunded",
    ],
)
def test_what_keeps_a_user_from_an_entry_keeps_it_from_this(make: Callable[[], Follower], code: str) -> None:
    assert refused(drifting(kill_switch="0.002"), make()) == code


def test_too_much_is_sold_also_of_a_symbol_that_is_disabled() -> None:
    one = follower(disabled_symbols=["BTC-USD"], dollars="0.20")
    assert planned(drifting(failed="-0.0004"), one).order.side is Side.SELL


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (replace(RULES, stopped="stopped by the operator"), "kill switch"),
        (replace(RULES, observe_only=True), "observe mode"),
    ],
    ids=["kill switch", "observe mode"],
)
@pytest.mark.parametrize("amount", ["0.002", "-0.0004"], ids=["buy", "sell"])
def test_nothing_is_traded_where_nothing_may_be(rules: CorrectionRules, code: str, amount: str) -> None:
    assert refused(drifting(failed=amount), rules=rules) == code


def test_nothing_is_traded_while_an_order_is_on_its_way() -> None:
    assert refused(drifting(kill_switch="0.002", on_its_way="0.001")) == "on its way"


@pytest.mark.parametrize("amount", ["0.00001", "-0.00001"], ids=["buy", "sell"])
def test_what_is_too_small_for_the_venue_is_refused(amount: str) -> None:
    assert refused(drifting(failed=amount)) == "below minimum"


@pytest.mark.parametrize(
    ("amount", "agreed"),
    [("0.002", "0.001"), ("0.002", "-0.002"), ("-0.0004", "0.0004"), ("-0.0004", "-0.0002")],
    ids=["buys more", "buys, not sells", "sells, not buys", "sells more"],
)
def test_what_was_not_agreed_to_is_not_done(amount: str, agreed: str) -> None:
    rules = replace(RULES, agreed=Decimal(agreed))
    assert refused(drifting(failed=amount), rules=rules) == "changed meanwhile"


@pytest.mark.parametrize("agreed", ["0.002", "0.00199", "0.003"])
def test_as_much_as_was_agreed_to_or_less_is_done(agreed: str) -> None:
    assert planned(drifting(failed="0.002"), rules=replace(RULES, agreed=Decimal(agreed))).order.quantity


def test_it_is_described_in_words() -> None:
    assert describe(planned(drifting(kill_switch="0.002"))) == {
        "side": "buy",
        "quantity": "0.00200000",
        "worth": "80.00000000",
        "price": "40000",
        "note": "",
    }


def test_the_account_is_never_a_master() -> None:
    assert planned(drifting(kill_switch="0.002")).signal.master != AccountId.master(TANIA.venue)
