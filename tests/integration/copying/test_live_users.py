"""Users files and keys that are edited while the bot runs: what takes effect, what does not, and that nobody is copied
twice or forgotten meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app import CopyTradingSystem
from bot.app.verification import Verdict, Verification
from bot.broker_manager import UserBroker
from bot.domain.enums import OrderState
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import Settings, load_settings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.integration.copying.house import KRAKEN, House, by_user
from tests.paper_exchange.client import Paper, eventually

PATIENCE_S = 60.0


@dataclass
class LiveHouse(House):
    """A house whose users file and ``.env`` are the operator's: they are written by the test, and stay at a restart."""

    events: list[OperatorEvent] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.file.parent.mkdir(exist_ok=True)
        self.write(*({"user_id": user_id, **self.entries.get(user_id, {})} for user_id in self.users))
        self.write_keys(*self.users)

    @property
    def file(self) -> Path:
        return self.folder / "users" / "retail_kraken.json"

    @property
    def dotenv(self) -> Path:
        return self.folder / ".env"

    def write(self, *entries: dict[str, Any], file: Path | None = None) -> None:
        (file or self.file).write_text(json.dumps(entries), encoding="utf-8")

    def write_keys(self, *users: str, **instead: str) -> None:
        """Write ``.env``: these users' keys; ``instead`` is another secret of one of them."""
        lines = []
        for who in users:
            login = self.logins[who]
            secret = instead.get(who, login.secret)
            lines += [
                f"KRAKEN_USER_{who.upper()}_API_KEY={login.key}",
                f"KRAKEN_USER_{who.upper()}_API_SECRET={secret}",
            ]
            self.secrets += [login.key, login.secret, secret]
        self.dotenv.touch(0o600)
        self.dotenv.write_text("\n".join(lines) + "\n")

    def newcomer(self, who: str, dollars: str = "1000") -> None:
        """An account at the exchange of which the bot knows nothing yet."""
        self.logins[who] = self._open(who, {"USD": dollars}, f"late{time.monotonic_ns()}")

    def settings(self) -> Settings:
        login = self.logins["master"]
        variables = {
            "KRAKEN_API_URL": self.paper.kraken_url,
            "NIJA_DATA_DIR": str(self.data),
            "NIJA_USERS_DIR": str(self.file.parent),
            "KRAKEN_TIER": "Pro",
            "STRATEGY": "off",
            "WATCH_MASTER": "false",
            "WEB_PORT": "0",
            "KRAKEN_MASTER_API_KEY": login.key,
            "KRAKEN_MASTER_API_SECRET": login.secret,
        }
        return load_settings(variables | self.variables, self.dotenv)

    def start(self) -> LiveHouse:
        self._system = CopyTradingSystem(self.settings(), front_door_switches(), TradeSignalEmitter(), unattended=True)
        self._system.events.listen(self.events.append)
        self._system.start()
        return self

    def entry(self, who: str) -> UserBroker | None:
        return self.system.manager.user(AccountId(who, KRAKEN))

    def is_connected(self, who: str) -> bool:
        entry = self.entry(who)
        return entry is not None and entry.broker.connected

    def user(self, who: str) -> Any:
        entry = self.entry(who)
        assert entry is not None
        return entry.user

    def told(self, *words: str) -> list[str]:
        """What operators were told that has all of these words."""
        texts = [event.text for event in list(self.events) if event.kind is EventKind.CONFIG_CHANGED]
        return [text for text in texts if all(word in text for word in words)]

    def wait_until_told(self, *words: str) -> str:
        eventually(lambda: self.told(*words), PATIENCE_S)
        return self.told(*words)[-1]

    def states(self, side: str, usd: str = "1000") -> dict[str, OrderState]:
        """Trades, and what became of each user's copy."""
        report = self.trade(side, usd)
        return {name: copy.state for name, copy in by_user(report.copies).items()}


MakeLiveHouse = Callable[..., LiveHouse]
ANNA, BERT = {"user_id": "anna"}, {"user_id": "bert"}


@pytest.fixture
def make_live_house(paper: Paper, tmp_path: Path) -> Iterator[MakeLiveHouse]:
    houses: list[LiveHouse] = []

    def make(*users: str, **more: Any) -> LiveHouse:
        house = LiveHouse(paper, tmp_path, {user: {"USD": "1000"} for user in users}, **more)
        houses.append(house)
        return house

    yield make
    paper.delete("/faults")
    for house in houses:
        house.stop()
        said = " ".join(event.text + event.detail for event in house.events)
        assert not any(secret in said for secret in house.secrets)


def test_a_user_added_while_signals_flow_gets_the_next_one_and_none_from_before(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    assert house.states("buy") == {"anna": OrderState.FILLED}
    house.newcomer("bert")
    house.write_keys("anna", "bert")
    house.write(ANNA, BERT | {"multiplier": 0.5})
    house.wait_until_told("bert:kraken", "added", "connected", "multiplier 0.5")
    assert house.orders("bert") == []
    assert house.states("buy") == {"anna": OrderState.FILLED, "bert": OrderState.FILLED}
    assert len(house.orders("bert")) == 1
    assert len(house.told()) == 1


def test_a_user_disabled_with_coins_gets_no_entries_and_sells_with_the_masters_exit(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna", "bert").start()
    house.states("buy")
    house.write(ANNA, BERT | {"enabled": False})
    house.wait_until_told("bert:kraken", "enabled true -> false")
    assert house.is_connected("bert")
    assert house.states("buy") == {"anna": OrderState.FILLED, "bert": OrderState.SKIPPED}
    report = house.trade("sell", house.held("master"), "base")
    assert {name: copy.state for name, copy in by_user(report.copies).items()} == {
        "anna": OrderState.FILLED,
        "bert": OrderState.FILLED,
    }
    assert house.held("bert") == 0
    assert len(house.told()) == 1


def test_a_user_whose_entry_is_taken_out_or_whose_file_is_deleted_is_as_disabled_and_comes_back(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna", "bert").start()
    house.write(ANNA)
    house.wait_until_told("bert:kraken", "removed from the users files")
    house.file.unlink()
    house.wait_until_told("anna:kraken", "removed from the users files")
    assert set(house.states("buy").values()) == {OrderState.SKIPPED}
    house.write(ANNA, BERT)
    house.wait_until_told("bert:kraken", "enabled false -> true")
    assert set(house.states("buy").values()) == {OrderState.FILLED}


def test_limits_take_effect_at_once_and_are_one_line(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    house.write(ANNA | {"max_trade_usd": 20, "name": "Anna", "allowed_symbols": ["BTC-USD"]})
    line = house.wait_until_told("anna:kraken")
    assert "max_trade_usd none -> 20" in line
    assert "allowed_symbols none -> BTC-USD" in line
    (copy,) = house.trade("buy", "1000").copies
    assert copy.state is OrderState.FILLED
    (order,) = house.orders("anna")
    assert Decimal(order["executed"]) * 50005 <= 20
    house.write(ANNA | {"disabled_symbols": ["BTC-USD"]})
    house.wait_until_told("disabled_symbols none -> BTC-USD", "max_trade_usd 20 -> none")
    assert house.states("buy") == {"anna": OrderState.SKIPPED}


BROKEN = {
    "not valid JSON": '[{"user_id": "anna"',
    "user bert: multiplier": '[{"user_id": "anna", "multiplier": 2}, {"user_id": "bert", "multiplier": "2"}]',
    "stands more than once in one entry": '[{"user_id": "anna", "multiplier": 2, "multiplier": 3}]',
    "stands more than once in the users files": '[{"user_id": "anna", "multiplier": 2}, {"user_id": "anna"}]',
    "must hold a list": '{"user_id": "anna"}',
}


def test_a_broken_file_changes_nothing_and_says_why_and_the_other_files_are_applied(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna", "bert").start()
    house.newcomer("carl")
    house.write_keys("anna", "bert", "carl")
    for why, text in BROKEN.items():
        house.file.write_text(text)
        house.write({"user_id": "carl"}, file=house.file.with_name("investor_kraken.json"))
        house.wait_until_told(str(house.file), why, "nothing of this file is applied")
    house.wait_until_told("carl:kraken", "added")
    assert house.user("anna").multiplier == 1
    assert all(one.user.enabled for one in house.system.manager.users)
    assert set(house.states("buy").values()) == {OrderState.FILLED}
    house.write(ANNA | {"multiplier": 2}, BERT)
    house.wait_until_told("anna:kraken", "multiplier 1 -> 2")
    assert len(house.told("not valid JSON")) == 1


def test_follow_does_not_change_while_copied_coins_are_held_and_does_once_they_are_sold(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna", "bert").start()
    house.states("buy")
    house.write(ANNA | {"follow": "coinbase", "multiplier": 2}, BERT)
    line = house.wait_until_told("anna:kraken", "follow", "BTC-USD")
    assert "goes on with master:kraken" in line
    assert house.user("anna").multiplier == 2
    report = house.trade("sell", house.held("master"), "base")
    assert by_user(report.copies)["anna"].state is OrderState.FILLED
    house.wait_until_told("anna:kraken", "follow none -> coinbase")
    assert house.states("buy") == {"bert": OrderState.FILLED}
    assert len(house.told("goes on with")) == 1


def test_the_key_of_a_connected_account_needs_a_restart_and_that_of_one_that_never_connected_does_not(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna").start()
    house.newcomer("bert")
    wrong = "d3JvbmcgIHNlY3JldCB3cm9uZyAgc2VjcmV0IHdyb25nICBzZWNyZXQgd3JvbmcgIHNlY3JldCB3cm9uZyAgc2VjcmV0"
    house.write_keys("anna", "bert", anna=wrong, bert=wrong)
    house.write(ANNA, BERT)
    house.wait_until_told("anna:kraken", "needs a restart")
    house.wait_until_told("bert:kraken", "not connected")
    assert house.states("buy")["anna"] is OrderState.FILLED
    house.write_keys("anna", "bert")
    house.wait_until_told("bert:kraken", "another key", "connected")
    eventually(lambda: house.is_connected("bert"), PATIENCE_S)
    assert set(house.states("buy").values()) == {OrderState.FILLED}


def test_a_key_that_comes_after_its_entry_connects_the_user(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    house.newcomer("bert")
    house.write(ANNA, BERT)
    house.wait_until_told("bert", "KRAKEN_USER_BERT_API_KEY is not set")
    house.write_keys("anna", "bert")
    house.wait_until_told("bert:kraken", "added", "connected")


def test_after_a_restart_a_disabled_user_with_coins_is_connected_for_its_exits_and_others_are_not(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna", "bert").start()
    house.states("buy")
    house.newcomer("carl")
    house.write_keys("anna", "bert", "carl")
    house.write(ANNA, BERT | {"enabled": False}, {"user_id": "carl", "enabled": False})
    house.wait_until_told("bert:kraken", "enabled true -> false")
    house.stop()
    house.start()
    assert house.is_connected("bert")
    assert house.entry("carl") is None
    assert house.states("buy")["bert"] is OrderState.SKIPPED
    report = house.trade("sell", house.held("master"), "base")
    assert by_user(report.copies)["bert"].state is OrderState.FILLED
    assert house.held("bert") == 0


def test_after_a_restart_coins_of_a_user_without_entry_are_named_in_one_warning_and_sold_once_it_is_back(
    make_live_house: MakeLiveHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house = make_live_house("anna", "bert").start()
    house.states("buy")
    house.stop()
    house.write(ANNA)
    house.start()
    (warning,) = [one.getMessage() for one in caplog.records if "nobody sells" in one.getMessage()]
    assert "bert:kraken" in warning
    assert "BTC-USD" in warning
    assert house.entry("bert") is None
    house.write(ANNA, BERT | {"enabled": False})
    house.wait_until_told("bert:kraken", "added")
    report = house.trade("sell", house.held("master"), "base")
    assert by_user(report.copies)["bert"].state is OrderState.FILLED
    assert house.held("bert") == 0


def test_edits_without_end_while_trading_leave_every_plan_with_each_follower_exactly_once(
    make_live_house: MakeLiveHouse,
) -> None:
    names = [f"user{number}" for number in range(8)]
    house = make_live_house(*names, master_balances={"USD": "100000"})
    house.start()
    done = threading.Event()

    def edit() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            entries = [{"user_id": name, "multiplier": 1 + (turn + n) % 5 / 10} for n, name in enumerate(names)]
            text = json.dumps(entries)
            # As editors do that write into the file itself: sometimes it is half there.
            house.file.write_text(text[: len(text) // 2])
            house.file.write_text(text)
            done.wait(0.003)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        until, plans = time.monotonic() + 8, 0
        while time.monotonic() < until:
            report = house.trade("buy", "1000")
            plans += 1
            assert sorted(by_user(report.copies)) == names
            assert {copy.state for copy in report.copies} == {OrderState.FILLED}
    finally:
        done.set()
        editor.join()
    assert plans > 5
    assert all(len(orders) == plans for orders in house.user_orders().values())
    # Looks may have met half a file each time; the last one is whole.
    last = {entry["user_id"]: entry["multiplier"] for entry in json.loads(house.file.read_text())}
    eventually(lambda: {name: float(house.user(name).multiplier) for name in names} == last, PATIENCE_S)
    assert house.told("multiplier")
    assert not house.told("removed")


def test_a_venue_that_had_no_account_is_opened_and_its_prices_are_kept(
    make_live_house: MakeLiveHouse, tmp_path: Path
) -> None:
    house = make_live_house("anna")
    house.variables["COINBASE_API_URL"] = house.paper.coinbase_url
    house.start()
    (made,) = house.paper.post("/accounts", {"name": "cora", "venue": "coinbase", "balances": {"USD": "1000"}})
    with house.dotenv.open("a") as file:
        file.write(f"COINBASE_USER_CORA_API_KEY={made['api_key']}\n")
        file.write("COINBASE_USER_CORA_API_SECRET=" + json.dumps(made["api_secret"]) + "\n")
    house.write({"user_id": "cora", "follow": "kraken"}, file=house.file.with_name("retail_coinbase.json"))
    house.wait_until_told("cora:coinbase", "connected")
    assert house.states("buy") == {"anna": OrderState.FILLED, "cora": OrderState.FILLED}
    eventually(lambda: "market coinbase" in {thread.name for thread in threading.enumerate()}, PATIENCE_S)


def test_from_saving_the_file_to_the_first_copy_takes_seconds(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna")
    house.newcomer("bert")
    house.write_keys("anna", "bert")
    house.start()
    saved = time.monotonic()
    house.write(ANNA, BERT)
    while by_user(house.trade("buy", "100").copies).get("bert") is None or not house.orders("bert"):
        assert time.monotonic() - saved < PATIENCE_S
    took = time.monotonic() - saved
    print(f"from saving to the first copy: {took:.2f} s")
    assert took < 20


def test_a_key_that_a_running_account_has_is_given_to_no_second_one(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    house.newcomer("bert")
    anna, bert = house.logins["anna"], house.logins["bert"]
    # The operator saw that the key under ANNA is Bert's, and puts each where it belongs.
    house.dotenv.write_text(
        f"KRAKEN_USER_BERT_API_KEY={anna.key}\nKRAKEN_USER_BERT_API_SECRET={anna.secret}\n"
        f"KRAKEN_USER_ANNA_API_KEY={bert.key}\nKRAKEN_USER_ANNA_API_SECRET={bert.secret}\n"
    )
    house.write(ANNA, BERT)
    house.wait_until_told("bert:kraken", "KRAKEN_USER_BERT_API_KEY", "anna:kraken still works with", "needs a restart")
    assert house.entry("bert") is None
    assert house.states("buy") == {"anna": OrderState.FILLED}
    assert len(house.orders("anna")) == 1


def test_a_user_who_is_renamed_and_keeps_its_key_waits_for_a_restart(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    house.write({"user_id": "anna_smith"})
    house.wait_until_told("anna_smith:kraken", "anna:kraken still works with")
    assert house.entry("anna_smith") is None


def test_an_independent_user_does_not_trade_by_itself_on_its_way_to_another_master(
    make_live_house: MakeLiveHouse,
) -> None:
    house = make_live_house("anna")
    house.write(ANNA | {"independent": True})
    house.start()
    seen: list[tuple[Any, bool]] = []
    replace_user = house.system.manager.replace_user

    def replacing(*users: Any) -> None:
        seen.extend((user.master, user.enabled) for user in users)
        replace_user(*users)

    house.system.manager.replace_user = replacing  # type: ignore[method-assign]
    house.write(ANNA | {"independent": True, "follow": "coinbase"})
    eventually(lambda: str(house.user("anna").master) == "master:coinbase", PATIENCE_S)
    assert house.user("anna").enabled
    assert (None, True) not in seen


def test_what_the_page_calls_wrong_is_what_is_wrong_now(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna")
    house.write(ANNA, BERT | {"multiplier": 99})
    house.start()
    assert any("multiplier" in line for line in house.system.problems)
    house.write(ANNA)
    eventually(lambda: house.system.problems == [], PATIENCE_S)
    house.file.write_text("[{")
    eventually(lambda: any("not valid JSON" in line for line in house.system.problems), PATIENCE_S)


def test_verification_looks_at_those_who_only_sell(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna", "bert").start()
    house.states("buy")
    house.stop()
    house.write(ANNA | {"enabled": False}, BERT)
    house.paper.patch(f"/accounts/{house.logins['anna'].name}", enabled=False)
    report = Verification(house.settings(), dotenv=house.dotenv).run()
    assert not report.ready
    assert any(str(one.account) == "anna:kraken" for one in report.having(Verdict.FAILED))
    house.write(BERT)
    report = Verification(house.settings(), dotenv=house.dotenv).run()
    assert any("nobody sells" in one.text for one in report.having(Verdict.FAILED))


def test_a_trade_that_did_not_go_through_is_not_told_as_failed_for_good(make_live_house: MakeLiveHouse) -> None:
    house = make_live_house("anna").start()
    ledger = house.system.ledger
    ledger.set_kill_switch("not now", "tests")
    eventually(house.system.gate.reason, PATIENCE_S)
    ledger.post_command("trade", {"venue": "kraken", "symbol": "BTC-USD", "side": "buy", "quantity": "1"})

    def told() -> list[str]:
        return [event.text for event in list(house.events) if event.kind is EventKind.COMMAND]

    eventually(told, PATIENCE_S)
    assert told()[-1].endswith("not done, or NOT KNOWN")
