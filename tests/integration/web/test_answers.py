"""Every path answers what it is documented to answer, from what the ledger and the live state have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import OrderState
from tests.integration.web.stand import MASTER, SECRET, Client, Stand, account_state, entry
from tests.unit.ledger.builders import users


def test_state_tells_whether_is_traded_and_what_is_wrong(stand: Stand, client: Client) -> None:
    state = client.get("/api/state").json()

    assert (state["trading"], state["stopped_reason"], state["kill_switch"]) == ("active", "", None)
    assert state["engine"] == {"alive": True, "heartbeat_age_s": 0.4, "waiting": 0}
    assert (state["masters"], state["users_connected"], state["users_total"]) == ([str(MASTER)], 2, 2)
    assert (state["version"], state["strategy"], state["watch_master"]) == ("1.2.3", "off", True)
    assert state["trouble"] == []


def test_state_names_the_kill_switch_and_each_trouble(stand: Stand, client: Client) -> None:
    stand.ledger.set_kill_switch("too hot", "cli")
    lost = account_state(users(1)[0], connected=False, status="the key is invalid")
    stand.live.set(stopped="too hot", accounts=(account_state(MASTER), lost), restarts={"lane": 2})

    state = client.get("/api/state").json()

    assert (state["trading"], state["stopped_reason"]) == ("stopped", "too hot")
    assert state["kill_switch"]["set_by"] == "cli"
    assert state["trouble"] == [
        "user_000:kraken: the key is invalid",
        "lane died and was started again (2 times)",
    ]


def test_observing_is_told(stand: Stand, client: Client) -> None:
    stand.live.set(engine=replace(stand.live.now.engine, observing=True))

    assert client.get("/api/state").json()["trading"] == "observe"


def test_accounts_have_their_limits_and_coins(stand: Stand, client: Client) -> None:
    accounts = client.get("/api/accounts").json()["accounts"]

    master, user = accounts[0], accounts[1]
    assert (master["role"], master["limits"], master["follows"]) == ("master", None, None)
    assert (user["user_id"], user["follows"], user["venue"]) == ("user_000", "master:kraken", "kraken")
    assert user["limits"] == {"max_user_risk": "0.10", "multiplier": "1", "max_trade_usd": None}
    assert (user["balance"], user["equity"], user["funded"]) == ("1034.55", "1500.00", True)


@pytest.mark.parametrize(("balance", "funded"), [("0.49", False), ("0.50", True), (None, False)])
def test_funded_from_half_a_dollar_on(stand: Stand, client: Client, balance: str | None, funded: bool) -> None:
    amount = None if balance is None else Decimal(balance)
    stand.live.set(accounts=(account_state(users(1)[0], balance=amount),))

    assert client.get("/api/accounts").json()["accounts"][0]["funded"] is funded


def test_signals_come_with_what_became_of_their_copies(stand: Stand, client: Client) -> None:
    stand.some_trades()

    answer = client.get("/api/signals").json()

    assert [one["symbol"] for one in answer["signals"]] == ["ETH-USD", "BTC-USD"]
    assert answer["more"] is False
    assert answer["signals"][0]["copies"] == {"copied": 0, "skipped": 1, "failed": 0, "open": 0, "unclear": 0}
    assert answer["signals"][1]["copies"]["open"] == 2
    assert answer["signals"][1]["price"] == "67850.1"


def test_signals_can_be_paged_through(stand: Stand, client: Client) -> None:
    stand.some_trades()

    first = client.get("/api/signals?limit=1").json()
    second = client.get("/api/signals", params={"limit": 1, "before": first["signals"][0]["at"]}).json()

    assert (first["more"], second["more"]) == (True, False)
    assert [one["symbol"] for one in (*first["signals"], *second["signals"])] == [
        "ETH-USD",
        "BTC-USD",
    ]


def test_one_signal_has_every_users_copy(stand: Stand, client: Client) -> None:
    signal_id = stand.some_trades()

    answer = client.get(f"/api/signals/{signal_id}").json()

    assert answer["signal"]["signal_id"] == signal_id
    assert [copy["user_id"] for copy in answer["copies"]] == ["user_000", "user_001"]
    assert {copy["state"] for copy in answer["copies"]} == {"SUBMITTING"}
    assert client.get("/api/signals/unheard-of").status_code == 404


def test_copies_of_one_user_or_in_one_state(stand: Stand, client: Client) -> None:
    stand.some_trades()

    assert len(client.get("/api/copies").json()["copies"]) == 3
    assert [one["user_id"] for one in client.get("/api/copies?user=user_001").json()["copies"]] == ["user_001"]
    skipped = client.get(f"/api/copies?state={OrderState.SKIPPED}").json()["copies"]
    assert [(one["code"], one["order_id"]) for one in skipped] == [("too small", None)]
    assert client.get("/api/copies?state=nonsense").status_code == 422


def test_no_secret_leaves_by_the_api(stand: Stand, client: Client) -> None:
    stand.some_trades()
    stand.live.set(accounts=(account_state(users(1)[0], connected=False, status=f"bad key {SECRET}"),))

    for path in ("/api/copies", "/api/state", "/api/accounts"):
        text = client.get(path).text
        assert SECRET not in text
        assert "[redacted]" in text


def test_the_audit_log_is_paged_and_says_whether_it_is_whole(make_stand: Any) -> None:
    asked: list[Any] = []

    def audit_page(limit: int, before: int | None) -> Any:
        asked.append((limit, before))
        return [entry(6, user="anna")], False, "entry 4 was changed"

    client = make_stand(audit=audit_page).start().logged_in()

    answer = client.get("/api/audit?limit=7&before=9").json()

    assert asked == [(7, 9)]
    assert (answer["intact"], answer["problem"]) == (False, "entry 4 was changed")
    assert answer["entries"][0]["detail"] == {"user": "anna"}


@pytest.mark.parametrize(
    "path",
    ["latency?hours=0", "equity?days=nan", "fidelity?days=1e9", "signals?limit=0", "audit?before=-1", "commands/0"],
)
def test_a_wrong_question_is_answered_in_one_line(shared_client: Client, path: str) -> None:
    answer = shared_client.get(f"/api/{path}")

    assert answer.status_code == 422
    assert "\n" not in answer.json()["error"]


def test_a_ledger_that_cannot_be_read_is_told_not_hidden(stand: Stand, client: Client) -> None:
    database = stand.folder / "ledger.sqlite3"
    stand.ledger.views.close()
    database.rename(database.with_suffix(".away"))
    for leftover in stand.folder.glob("ledger.sqlite3-*"):
        leftover.unlink()

    try:
        assert client.get("/api/signals").status_code == 503
        state = client.get("/api/state")
        assert state.status_code == 200
        assert "ledger" in state.json()["ledger_error"]
    finally:
        stand.ledger.views.close()
        database.unlink(missing_ok=True)
        database.with_suffix(".away").rename(database)


def test_health_is_red_when_the_engine_stands_still(stand: Stand) -> None:
    client = stand.client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})

    stand.live.set(engine=replace(stand.live.now.engine, heartbeat_age_s=11.0))

    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert "heartbeat" in answer.json()["reason"]


def test_a_command_becomes_a_row_by_the_page(stand: Stand, client: Client) -> None:
    posted = client.post(
        "/api/commands", json={"kind": "kill", "payload": {"reason": "enough"}, "confirm": True, "by": "x"}
    )
    assert posted.status_code == 422

    posted = client.post("/api/commands", json={"kind": "kill", "payload": {"reason": "enough"}, "confirm": True})
    assert posted.status_code == 202
    number = posted.json()["id"]

    found = client.get(f"/api/commands/{number}").json()
    assert (found["kind"], found["state"]) == ("kill", "queued")
    assert found["payload"] == {"reason": "enough", "by": "page"}
    command = stand.ledger.take_command()
    assert command is not None
    stand.ledger.finish_command(command.id, {"done": True}, failed=False)
    assert client.get(f"/api/commands/{number}").json()["result"] == {"done": True}
    assert client.get("/api/commands/999").status_code == 404


TRADE = {"venue": "kraken", "symbol": "BTC-USD", "side": "buy", "quantity": "100", "size_type": "quote"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"kind": "resume", "payload": {}}, 422, id="no confirm"),
        pytest.param({"kind": "resume", "payload": {}, "confirm": False}, 422, id="confirm false"),
        pytest.param({"kind": "resume", "payload": {}, "confirm": 1}, 422, id="confirm 1"),
        pytest.param({"kind": "resume", "payload": {}, "confirm": "true"}, 422, id="confirm in quotes"),
        pytest.param({"kind": "resume", "payload": {}, "confirm": True}, 202, id="resume"),
        pytest.param({"kind": "explode", "payload": {}, "confirm": True}, 422, id="unknown kind"),
        pytest.param({"kind": "ledger_check", "payload": {}, "confirm": True}, 422, id="not of the page"),
        pytest.param(
            {"kind": "pause_user", "payload": {"user_id": "anna", "venue": "kraken"}, "confirm": True}, 202, id="pause"
        ),
        pytest.param(
            {"kind": "pause_user", "payload": {"user_id": "a\nb", "venue": "kraken"}, "confirm": True}, 422, id="name"
        ),
        pytest.param({"kind": "observe", "payload": {"on": "yes"}, "confirm": True}, 422, id="observe maybe"),
        pytest.param({"kind": "observe", "payload": {"on": True}, "confirm": True}, 202, id="observe"),
        pytest.param({"kind": "trade", "payload": TRADE, "confirm": True}, 422, id="trade without words"),
        pytest.param(
            {"kind": "trade", "payload": TRADE, "confirm": True, "confirm_text": "SELL BTC-USD"}, 422, id="other words"
        ),
        pytest.param(
            {"kind": "trade", "payload": TRADE, "confirm": True, "confirm_text": "BUY BTC-USD"}, 202, id="trade"
        ),
        pytest.param(
            {"kind": "trade", "payload": TRADE | {"quantity": 100}, "confirm": True, "confirm_text": "BUY BTC-USD"},
            422,
            id="quantity as a number",
        ),
        pytest.param(
            {"kind": "trade", "payload": TRADE | {"quantity": "0.00"}, "confirm": True, "confirm_text": "BUY BTC-USD"},
            422,
            id="quantity of nothing",
        ),
        pytest.param(
            {"kind": "trade", "payload": TRADE | {"quantity": "1e3"}, "confirm": True, "confirm_text": "BUY BTC-USD"},
            422,
            id="quantity with exponent",
        ),
    ],
)
def test_commands_are_checked_before_they_are_written(
    shared: Stand, shared_client: Client, body: dict[str, Any], status: int
) -> None:
    answer = shared_client.post("/api/commands", json=body)

    assert answer.status_code == status, answer.text
    assert (shared.ledger.take_command() is not None) == (status == 202)


def test_the_same_figures_are_not_counted_all_the_time(stand: Stand, client: Client) -> None:
    stand.some_trades()

    for path in ("latency?hours=24", "fidelity", "equity", "equity?account=user_000:kraken"):
        assert client.get(f"/api/{path}").status_code == 200
    assert client.get("/api/equity?account=nobody").status_code == 404
