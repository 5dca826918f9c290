"""The operator's pauses and observe mode in a whole running system, on a paper exchange, by commands and by others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.app.live import LiveState
from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.ids import AccountId
from bot.domain.orders import OrderResult
from bot.ledger.commands import CommandState
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.ledger.switches import OBSERVE, pause_of
from bot.runtime.clock import SystemClock
from bot.runtime.supervisor import Supervisor
from tests.integration.copying.conftest import MakeHouse
from tests.integration.copying.house import KRAKEN, PATIENCE_S, SYMBOL, House
from tests.paper_exchange.client import eventually

S = OrderState
USERS = {"anna": {"USD": "1000"}, "bert": {"USD": "500"}}
ANNA = AccountId("anna", KRAKEN)
AT_KRAKEN = {"user_id": "anna", "venue": "kraken"}


def ask(house: House, kind: str, **payload: Any) -> dict[str, Any]:
    """The result of a command row."""
    ledger = house.system.ledger
    number = ledger.post_command(kind, payload)
    ended = (CommandState.DONE, CommandState.FAILED)
    eventually(lambda: ledger.command(number).state in ended, PATIENCE_S)
    return ledger.command(number).result or {}


def outside(house: House) -> Ledger:
    """As another process opens the ledger of a house."""
    return Ledger(ledger_url("", house.data), SystemClock())


def states(house: House, side: str, usd: str = "500") -> dict[str, tuple[OrderState, str]]:
    """A trade of the master: each user's state and reason."""
    quantity: Any = house.held("master") if side == "sell" else usd
    rows = house.rows(house.trade(side, quantity, "base" if side == "sell" else "quote"))
    return {who: (row.state, row.reason) for who, row in rows.items()}


def seen(house: House) -> dict[str, str]:
    """Why an account gets no entries, as the page shows it."""
    system = house.system
    live = LiveState(
        system.manager, system.gate, system.ledger, system.emitter, Supervisor(), lambda: system.engine, SystemClock()
    )
    return {str(one.account): one.entries_stopped for one in live.state().accounts if one.entries_stopped}


def test_a_user_that_a_command_paused_buys_nothing_and_sells_what_it_has(make_house: MakeHouse) -> None:
    house = make_house(USERS).start()
    states(house, "buy")
    held = house.held("anna")
    assert held > 0

    assert ask(house, "pause_user", **AT_KRAKEN, reason="on holiday", by="page")["now"]["reason"] == "on holiday"
    assert seen(house) == {"anna:kraken": "paused by the operator: on holiday"}
    assert states(house, "buy") == {"anna": (S.SKIPPED, "paused by the operator: on holiday"), "bert": (S.FILLED, "")}
    assert house.held("anna") == held
    assert states(house, "sell") == {"anna": (S.FILLED, ""), "bert": (S.FILLED, "")}
    assert house.held("anna") == 0

    assert ask(house, "unpause_user", **AT_KRAKEN)["was"]["reason"] == "on holiday"
    assert seen(house) == {}
    assert states(house, "buy")["anna"] == (S.FILLED, "")


def test_what_another_process_sets_is_obeyed_within_moments_and_after_a_restart(make_house: MakeHouse) -> None:
    house = make_house(USERS).start()
    states(house, "buy")
    with outside(house) as other:
        other.set_switch(pause_of(ANNA), "lost his key", "tests")
        eventually(lambda: house.system.gate.paused(ANNA) is not None, 30)
        other.set_switch(OBSERVE, "a look", "tests")
        eventually(lambda: house.system.engine.observe_only, 30)
    assert states(house, "buy") == {
        "anna": (S.SKIPPED, "paused by the operator: lost his key"),
        "bert": (S.OBSERVED, "observe mode"),
    }

    house.stop()
    house.start()
    assert house.system.engine.observe_only
    assert states(house, "buy")["bert"] == (S.OBSERVED, "observe mode")
    with outside(house) as other:
        other.lift_switch(OBSERVE, "tests")
        eventually(lambda: not house.system.engine.observe_only, 30)
    assert states(house, "sell") == {"anna": (S.FILLED, ""), "bert": (S.FILLED, "")}
    assert house.held("anna") == house.held("bert") == 0


def test_observe_and_kill_and_resume_by_commands(make_house: MakeHouse) -> None:
    house = make_house(USERS).start()
    assert ask(house, "observe", on=True, reason="a look")["was"] is None
    assert {state for state, _ in states(house, "buy").values()} == {S.OBSERVED}
    assert house.user_orders() == {}
    ask(house, "observe", on=False)
    ask(house, "kill", reason="odd prices", by="page")
    refused = house.trade("buy", "100")
    assert not refused
    assert "kill switch: odd prices" in refused.master.reason
    assert ask(house, "resume", by="page")["stopped"] is None
    assert {state for state, _ in states(house, "buy").values()} == {S.FILLED}


def test_a_paused_user_makes_no_entries_of_its_own_and_may_sell(make_house: MakeHouse) -> None:
    house = make_house(USERS, entries={"anna": {"independent": True, "copy_from_master": False}}).start()
    broker = house.system.manager.broker(ANNA)
    assert broker is not None

    def place(side: Side, quantity: Any, unit: SizeType) -> OrderResult:
        return broker.place_market_order(SYMBOL, side, quantity, unit)

    assert place(Side.BUY, Decimal(100), SizeType.QUOTE).accepted
    ask(house, "pause_user", **AT_KRAKEN, reason="on holiday")
    refused = place(Side.BUY, Decimal(100), SizeType.QUOTE)
    assert (refused.accepted, refused.reason) == (False, "paused by the operator: on holiday")
    assert place(Side.SELL, house.held("anna"), SizeType.BASE).accepted
    assert [order["side"] for order in house.orders("anna")] == ["buy", "sell"]


@pytest.mark.parametrize("switch", [OBSERVE, pause_of(ANNA)], ids=["observe", "paused"])
def test_a_correction_buys_nothing_for_who_gets_no_entries(make_house: MakeHouse, switch: str) -> None:
    house = make_house(USERS).start()
    ask(house, "pause_user", **AT_KRAKEN, reason="on holiday")
    states(house, "buy")
    ask(house, "unpause_user", **AT_KRAKEN)
    request = {"user": "anna", "symbol": SYMBOL, "request": "r1"}

    def line(do: str, **more: Any) -> dict[str, Any]:
        (found,) = ask(house, "resync", do=do, **request, **more)["corrections"]
        return dict(found)

    wanted = line("preview")
    assert wanted["side"] == "buy"
    house.system.ledger.set_switch(switch, "wait", "tests")
    house.system.gate.refresh()
    assert "wait" in line("preview")["refused"] or "observe mode" in line("preview")["refused"]
    agreed = {f"{ANNA} {SYMBOL}": wanted["quantity"]}
    assert line("apply", agreed=agreed)["refused"]
    assert house.orders("anna") == []
    house.system.ledger.lift_switch(switch, "tests")
    house.system.gate.refresh()
    assert line("apply", agreed=agreed)["state"] == S.FILLED
