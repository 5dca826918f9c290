"""One decision a follower: every reason not to copy, and what holds back an entry but never an exit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.coins import CopiedCoins
from bot.copying.guards import Follower
from bot.copying.plan import PlanRules, order_of, plan_copies
from bot.domain.enums import InstrumentStatus, OrderState, Side, SizeType
from bot.domain.ids import SignalId, client_order_id_of
from bot.domain.orders import AccountBalances, Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.switches import Switch
from tests.fakes.broker import BTC
from tests.fakes.clock import NOW
from tests.fakes.followers import StillBroker, follower
from tests.unit.copying.builders import ENTRY, EXIT, RULES, TANIA, an_order

HELD = Decimal("0.002")
PAUSE = Switch("on holiday", "operator", NOW)


def coins(held: Decimal = HELD) -> CopiedCoins:
    return CopiedCoins({(TANIA, "BTC-USD"): held})


def plan_for(one: Follower, signal: TradeSignal = ENTRY, rules: PlanRules = RULES) -> PlannedCopy:
    (copy,) = plan_copies(signal, [one], coins(), rules)
    return copy


def broker_of(one: Follower) -> StillBroker:
    assert isinstance(one.broker, StillBroker)
    return one.broker


def disconnected() -> Follower:
    one = follower()
    broker_of(one).connected = False
    broker_of(one).status = "EAPI:Invalid key"
    return one


def paused() -> Follower:
    one = follower()
    broker_of(one).paused = True
    broker_of(one).status = "paused until 12:00:00 UTC: EService:Unavailable"
    return one


def in_doubt(symbol: str = "BTC-USD") -> Follower:
    one = follower()
    broker_of(one).doubted = {symbol}
    return one


def with_status(status: InstrumentStatus) -> Follower:
    one = follower()
    broker_of(one).instruments = {"BTC-USD": replace(BTC, status=status)}
    return one


def unlisted() -> Follower:
    one = follower()
    broker_of(one).instruments = {}
    return one


def never_connected() -> Follower:
    one = disconnected()
    broker_of(one).balances = None
    return one


# -- an entry that is copied --------------------------------------------------------------------------------------


def test_an_entry_is_sized_and_leaves_now() -> None:
    copy = plan_for(follower())
    assert copy.decision == Sized(Decimal("0.00200000"), Decimal(100))
    assert (copy.state, copy.reason) == (OrderState.SUBMITTING, "")
    assert copy.balance == 1000
    assert copy.client_order_id == client_order_id_of(ENTRY.signal_id, TANIA)
    assert copy.deadline == RULES.deadline
    assert (copy.signal_id, copy.account, copy.symbol, copy.side) == (ENTRY.signal_id, TANIA, "BTC-USD", Side.BUY)


def test_the_order_of_a_copy_has_the_planned_size_and_name() -> None:
    copy = plan_for(follower())
    order = order_of(copy, ENTRY)
    assert order is not None
    assert isinstance(copy.decision, Sized)
    assert order.quantity == copy.decision.quantity
    assert order.client_order_id == copy.client_order_id
    assert order.price == ENTRY.price


def test_a_copy_without_a_size_has_no_order() -> None:
    assert order_of(plan_for(follower(dollars=5)), ENTRY) is None


def test_everyone_gets_a_decision_in_the_followers_order() -> None:
    everyone = [follower(f"user{number}", dollars=number) for number in range(50)]
    copies = plan_copies(ENTRY, everyone, coins(), RULES)
    assert [copy.account.name for copy in copies] == [f"user{number}" for number in range(50)]
    assert len({copy.client_order_id for copy in copies}) == 50
    assert all(copy.reason or copy.state is OrderState.SUBMITTING for copy in copies)


def test_planning_again_gives_the_same_names_and_sizes() -> None:
    assert plan_for(follower()) == plan_for(follower())


# -- every reason not to enter ------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[Callable[[], Follower], dict[str, Any], OrderState]] = {
    "kill switch": (follower, {"stopped": "maintenance"}, OrderState.SKIPPED),
    "account not connected": (disconnected, {}, OrderState.SKIPPED),
    "paused by the operator": (follower, {"pauses": {TANIA: PAUSE}}, OrderState.SKIPPED),
    "symbol not listed": (unlisted, {}, OrderState.SKIPPED),
    "symbol disabled": (lambda: follower(disabled_symbols=["BTC-USD"]), {}, OrderState.SKIPPED),
    "symbol not allowed": (lambda: follower(allowed_symbols=["ETH-USD"]), {}, OrderState.SKIPPED),
    "underfunded": (lambda: follower(dollars="0.49"), {}, OrderState.SKIPPED),
    "symbol not tradable": (lambda: with_status(InstrumentStatus.CANCEL_ONLY), {}, OrderState.SKIPPED),
    "signal too old": (follower, {"now": NOW + 61}, OrderState.EXPIRED),
    "below minimum": (lambda: follower(dollars=5), {}, OrderState.SKIPPED),
    "invalid input": (follower, {"max_user_risk": Decimal(2)}, OrderState.SKIPPED),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_every_reason_not_to_enter_is_a_row_with_its_reason(code: str) -> None:
    make, rules, state = REFUSALS[code]
    copy = plan_for(make(), ENTRY, replace(RULES, **rules))
    assert isinstance(copy.decision, Refused)
    assert copy.decision.code == code
    assert copy.state is state
    assert copy.reason.startswith(code)
    assert len(copy.reason) > len(code), "the reason has its figures"
    assert order_of(copy, ENTRY) is None


def test_a_disabled_user_gets_no_entry_and_says_so_before_everything_else_of_its_own() -> None:
    copy = plan_for(follower(enabled=False, dollars=5), rules=replace(RULES, pauses={TANIA: PAUSE}))
    assert copy.state is OrderState.SKIPPED
    assert copy.reason == "disabled in its users file"


@pytest.mark.parametrize("one", [follower(), follower(enabled=False)], ids=["paused", "disabled"])
def test_the_exit_of_a_user_that_gets_no_entries_leaves_as_every_other(one: Follower) -> None:
    copy = plan_for(one, EXIT, replace(RULES, pauses={TANIA: PAUSE}))
    assert copy.state is OrderState.SUBMITTING
    assert copy == plan_for(follower(), EXIT)


def test_the_pause_of_one_is_not_the_pause_of_the_others() -> None:
    rules = replace(RULES, pauses={TANIA: PAUSE})
    states = [copy.state for copy in plan_copies(ENTRY, [follower(), follower("daivon")], coins(), rules)]
    assert states == [OrderState.SKIPPED, OrderState.SUBMITTING]


@pytest.mark.parametrize("status", [s for s in InstrumentStatus if s is not InstrumentStatus.ONLINE])
def test_only_a_symbol_that_is_online_is_entered(status: InstrumentStatus) -> None:
    copy = plan_for(with_status(status))
    assert copy.state is OrderState.SKIPPED
    assert status in copy.reason


def test_the_figures_of_a_refusal_are_told() -> None:
    assert "$0.49" in plan_for(follower(dollars="0.49")).reason
    assert "$0.50" in plan_for(follower(dollars="0.49")).reason
    assert "EAPI:Invalid key" in plan_for(disconnected()).reason
    assert "maintenance" in plan_for(follower(), rules=replace(RULES, stopped="maintenance")).reason
    assert "tania" in plan_for(follower(disabled_symbols=["BTC-USD"])).reason


def test_a_kill_switch_without_a_reason_is_a_kill_switch() -> None:
    assert plan_for(follower(), rules=replace(RULES, stopped="")).state is OrderState.SKIPPED


def test_an_account_that_never_answered_is_skipped_for_entries() -> None:
    copy = plan_for(never_connected())
    assert (copy.state, copy.balance) == (OrderState.SKIPPED, 0)


def test_half_a_dollar_and_a_minute_are_still_enough() -> None:
    refused = plan_for(follower(dollars="0.50")).decision
    assert isinstance(refused, Refused)
    assert refused.code == "below minimum", "funded, but too small for an order"
    assert plan_for(follower(), rules=replace(RULES, now=NOW + 60)).state is OrderState.SUBMITTING


def test_a_symbol_in_both_lists_is_disabled() -> None:
    copy = plan_for(follower(disabled_symbols=["BTC-USD"], allowed_symbols=["BTC-USD"]))
    assert copy.reason.startswith("symbol disabled")


def test_an_empty_list_of_allowed_symbols_allows_none() -> None:
    assert plan_for(follower(allowed_symbols=[])).reason.startswith("symbol not allowed")


# -- entries that wait --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "reason"), [(paused, "EService:Unavailable"), (in_doubt, "BTC-USD")], ids=["paused", "in doubt"]
)
def test_an_entry_that_may_leave_in_a_moment_waits_with_its_size_and_its_reason(
    make: Callable[[], Follower], reason: str
) -> None:
    copy = plan_for(make())
    assert copy.state is OrderState.PLANNED
    assert copy.reason.startswith("waiting: ")
    assert reason in copy.reason
    assert copy.decision == plan_for(follower()).decision


def test_the_doubt_of_another_symbol_holds_up_no_entry() -> None:
    assert plan_for(in_doubt("ETH-USD")).state is OrderState.SUBMITTING


@pytest.mark.parametrize("make", [paused, in_doubt])
def test_an_entry_that_is_refused_does_not_wait(make: Callable[[], Follower]) -> None:
    assert plan_for(make(), rules=replace(RULES, stopped="maintenance")).state is OrderState.SKIPPED
    assert plan_for(make(), rules=replace(RULES, now=NOW + 61)).state is OrderState.EXPIRED
    assert plan_for(make(), rules=replace(RULES, observe_only=True)).state is OrderState.OBSERVED


def test_a_paused_account_is_not_called_disconnected() -> None:
    one = paused()
    broker_of(one).connected = False
    assert plan_for(one).reason.startswith("account not connected")


# -- another quote currency ----------------------------------------------------------------------------------------

BTC_USDC = replace(BTC, symbol="BTC-USDC", quote="USDC")


def paying_in_usdc(**fields: Any) -> Follower:
    one = follower(quote_map={"USD": "USDC"}, **fields)
    broker_of(one).instruments = {"BTC-USD": BTC, "BTC-USDC": BTC_USDC}
    broker_of(one).balances = AccountBalances({"USDC": Decimal(1000)})
    return one


def test_a_user_pays_in_the_currency_that_it_names_and_nobody_else_does() -> None:
    copy = plan_for(paying_in_usdc())
    order = order_of(copy, ENTRY)
    assert (copy.symbol, copy.state, value_of(copy)) == ("BTC-USDC", OrderState.SUBMITTING, 100)
    assert order is not None
    assert order.symbol == "BTC-USDC"
    unmapped = follower()
    broker_of(unmapped).balances = AccountBalances({"USDC": Decimal(1000)})
    assert plan_for(unmapped).reason.startswith("below minimum"), "it has no USD"


def test_a_mapped_symbol_that_the_venue_does_not_list_is_skipped_by_its_own_name() -> None:
    one = paying_in_usdc()
    broker_of(one).instruments = {"BTC-USD": BTC}
    assert plan_for(one).reason.startswith("symbol not listed: BTC-USDC")


@pytest.mark.parametrize("name", ["BTC-USD", "BTC-USDC"])
def test_a_mapped_symbol_is_disabled_and_allowed_by_either_name(name: str) -> None:
    assert plan_for(paying_in_usdc(disabled_symbols=[name])).reason.startswith("symbol disabled")
    assert plan_for(paying_in_usdc(allowed_symbols=[name])).state is OrderState.SUBMITTING


@pytest.mark.parametrize(("bought", "sold"), [("BTC-USDC", "BTC-USDC"), ("BTC-USD", "BTC-USD")])
def test_coins_are_sold_as_what_they_were_bought_whatever_is_mapped_since(bought: str, sold: str) -> None:
    (copy,) = plan_copies(EXIT, [paying_in_usdc()], CopiedCoins({(TANIA, bought): HELD}), RULES)
    assert (copy.symbol, copy.state) == (sold, OrderState.SUBMITTING)
    (copy,) = plan_copies(EXIT, [follower()], CopiedCoins({(TANIA, "BTC-USDC"): HELD}), RULES)
    assert copy.symbol == "BTC-USDC"


# -- limits -------------------------------------------------------------------------------------------------------


def value_of(copy: PlannedCopy) -> Decimal:
    assert isinstance(copy.decision, Sized), copy.decision
    return copy.decision.quote_value


def test_a_users_own_limits_bound_its_entry() -> None:
    assert value_of(plan_for(follower(max_user_risk=Decimal("0.05")))) == 50
    assert value_of(plan_for(follower(max_trade_usd=Decimal(30)))) == 30
    assert value_of(plan_for(follower(multiplier=Decimal("0.5")))) == 50
    assert value_of(plan_for(follower(multiplier=Decimal(3)))) == 100, "the risk limit bounds what a factor made"


@pytest.mark.parametrize(
    ("own", "common", "value"), [("0.05", "0.02", 20), ("0.02", "0.05", 20), (None, "0.03", 30), ("0.03", "0.03", 30)]
)
def test_the_lower_of_the_users_and_the_common_risk_limit_holds(own: str | None, common: str, value: int) -> None:
    one = follower(**({} if own is None else {"max_user_risk": Decimal(own)}))
    assert value_of(plan_for(one, rules=replace(RULES, max_user_risk=Decimal(common)))) == value


@pytest.mark.parametrize("common", ["0", "-0.1", "NaN", "Infinity"])
@pytest.mark.parametrize("own", [None, "0.05"])
def test_a_common_limit_that_is_no_share_stops_every_entry_and_no_exit(own: str | None, common: str) -> None:
    """Zero is what somebody writes who wants nobody to enter any more."""
    one = follower(**({} if own is None else {"max_user_risk": Decimal(own)}))
    rules = replace(RULES, max_user_risk=Decimal(common))
    refused = plan_for(one, ENTRY, rules)
    assert isinstance(refused.decision, Refused)
    assert "MAX_USER_RISK" in refused.reason
    assert plan_for(one, EXIT, rules).state is OrderState.SUBMITTING


def test_an_entry_is_paid_in_the_symbols_own_currency() -> None:
    one = follower()
    broker_of(one).balances = AccountBalances({"USDT": Decimal(1000), "USD": Decimal(20)}, fee_rate=Decimal("0.0026"))
    copy = plan_for(one)
    assert copy.balance == 1020
    assert value_of(copy) * Decimal("1.0026") <= 20


def test_a_signal_in_quote_gives_the_same_plan_as_one_in_base() -> None:
    in_quote = replace(ENTRY, size=Decimal(1000), size_type=SizeType.QUOTE)
    assert plan_for(follower(), in_quote).decision == plan_for(follower()).decision


def test_a_master_balance_of_zero_is_refused_and_not_divided_by() -> None:
    copy = plan_for(follower(), replace(ENTRY, master_balance=Decimal(0)))
    assert copy.reason.startswith("master balance unknown")


# -- exits --------------------------------------------------------------------------------------------------------


def test_an_exit_sells_the_masters_fraction_of_the_copied_coins() -> None:
    copy = plan_for(follower(), EXIT)
    assert isinstance(copy.decision, Sized)
    assert copy.decision.quantity == HELD / 2
    assert copy.state is OrderState.SUBMITTING


@pytest.mark.parametrize(
    "one",
    [
        in_doubt(),
        follower(disabled_symbols=["BTC-USD"]),
        follower(allowed_symbols=[]),
        follower(dollars=0),
        follower(max_trade_usd=Decimal("0.01")),
        follower(max_user_risk=Decimal("0.0001")),
        follower(multiplier=Decimal("0.1")),
        with_status(InstrumentStatus.REDUCE_ONLY),
    ],
    ids=["in doubt", "disabled", "not allowed", "no dollars", "small cap", "small risk", "small factor", "reduce only"],
)
def test_what_holds_back_an_entry_does_not_touch_an_exit(one: Follower) -> None:
    copy = plan_for(one, EXIT)
    assert copy.state is OrderState.SUBMITTING
    assert isinstance(copy.decision, Sized)
    assert copy.decision.quantity == HELD / 2


def test_an_old_exit_is_not_dropped_and_the_venue_is_asked_for_it_before_it_is_sent() -> None:
    """It may have been copied before, and the ledger may be a backup from before that."""
    copy = plan_for(follower(), EXIT, replace(RULES, now=NOW + 61))
    assert copy.state is OrderState.PLANNED
    assert "asked" in copy.reason
    assert isinstance(copy.decision, Sized)
    assert copy.decision.quantity == HELD / 2
    assert plan_for(follower(), EXIT, replace(RULES, now=NOW + 60)).state is OrderState.SUBMITTING


@pytest.mark.parametrize(("make", "rules"), [(follower, {"stopped": "maintenance"}), (disconnected, {}), (paused, {})])
def test_an_exit_that_cannot_leave_now_waits_with_its_size_and_its_reason(
    make: Callable[[], Follower], rules: dict[str, Any]
) -> None:
    copy = plan_for(make(), EXIT, replace(RULES, **rules))
    assert copy.state is OrderState.PLANNED
    assert copy.reason.startswith("waiting: ")
    order = order_of(copy, EXIT)
    assert order is not None
    assert order.quantity == HELD / 2


def test_an_exit_of_an_account_that_never_answered_waits_too() -> None:
    assert plan_for(never_connected(), EXIT).state is OrderState.PLANNED


def test_who_copied_nothing_is_skipped_even_while_the_switch_is_on() -> None:
    (copy,) = plan_copies(EXIT, [follower("nobody")], coins(), replace(RULES, stopped="maintenance"))
    assert copy.state is OrderState.SKIPPED
    assert copy.reason.startswith("nothing to sell")


def test_an_exit_counts_with_what_is_still_on_its_way() -> None:
    held = coins()
    held.open(an_order(Side.BUY, "0.002"))
    (copy,) = plan_copies(EXIT, [follower()], held, RULES)
    assert isinstance(copy.decision, Sized)
    assert copy.decision.quantity == HELD


def test_two_exits_one_after_the_other_do_not_sell_the_same_coins() -> None:
    held = coins()
    everything = replace(EXIT, size=Decimal("0.02"))
    (first,) = plan_copies(everything, [follower()], held, RULES)
    order = order_of(first, everything)
    assert order is not None
    held.open(order)
    again = replace(everything, order_id="O-2", signal_id=SignalId(""))
    (second,) = plan_copies(again, [follower()], held, RULES)
    assert second.reason.startswith("nothing to sell")


# -- observe mode -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", [ENTRY, EXIT], ids=["entry", "exit"])
def test_observe_mode_sizes_and_sends_nothing(signal: TradeSignal) -> None:
    copy = plan_for(follower(), signal, replace(RULES, observe_only=True))
    assert (copy.state, copy.reason) == (OrderState.OBSERVED, "observe mode")
    assert isinstance(copy.decision, Sized)


def test_observe_mode_tells_refusals_as_they_are() -> None:
    copy = plan_for(follower(dollars=5), ENTRY, replace(RULES, observe_only=True))
    assert copy.state is OrderState.SKIPPED
    assert copy.reason.startswith("below minimum")


def test_in_observe_mode_no_exit_waits_to_leave_later() -> None:
    copy = plan_for(follower(), EXIT, replace(RULES, observe_only=True, stopped="maintenance"))
    assert copy.state is OrderState.OBSERVED
