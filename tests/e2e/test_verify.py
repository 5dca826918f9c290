"""``verify`` as a process, on a good set-up and on broken ones: verdicts, mends, exit codes; and no secret anywhere."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.domain.enums import BrokerType
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import PATIENCE_S, Ended, House
from tests.paper_exchange.client import REPOSITORY

pytestmark = pytest.mark.e2e

KRAKEN, COINBASE, ALPACA = BrokerType
READY = "✅ KRAKEN IS READY TO TRADE!"


@dataclass(frozen=True)
class Verified:
    """What ``verify --json`` answered."""

    ended: Ended
    checks: list[dict[str, Any]]

    def of(self, check: str, account: str | None = None) -> list[dict[str, Any]]:
        """The checks of this id, of this account."""
        return [one for one in self.checks if one["id"] == check and account in (None, one["account"])]

    @property
    def failed(self) -> set[tuple[str, str | None]]:
        """What failed, and of whom."""
        return {(one["id"], one["account"] or one["venue"]) for one in self.checks if one["verdict"] == "failed"}

    @property
    def warned(self) -> set[tuple[str, str | None]]:
        return {(one["id"], one["account"] or one["venue"]) for one in self.checks if one["verdict"] == "warning"}

    def says(self, check: str, *words: str) -> None:
        """One check of this id has all of these words in its text or its mend."""
        told = [f"{one['text']} mend: {one['mend']}" for one in self.of(check)]
        assert any(all(word in line for word in words) for line in told), told


def verify(house: House, *arguments: str, code: int) -> Verified:
    """Verify for programs; no secret is shown, nothing is traded, and whatever failed has its mend."""
    ended = house.run("verify", *arguments, "--json")
    assert ended.code == code, ended
    _keeps_secrets(house, ended)
    told = ended.json
    assert told["ready"] is (code == 0)
    for check in told["checks"]:
        assert check["verdict"] in ("ok", "note", "warning", "failed")
        assert check["text"]
        assert check["verdict"] != "failed" or check["mend"], check
    assert house.nothing_placed()
    return Verified(ended, told["checks"])


def shown(house: House, *arguments: str, found: Verified) -> str:
    """The same for people: ends alike, and lists every mend."""
    ended = house.run("verify", *arguments)
    assert ended.code == found.ended.code, ended
    _keeps_secrets(house, ended)
    for check in found.checks:
        if check["verdict"] in ("failed", "warning"):
            assert f"mend: {check['mend']}" in ended.out
    return ended.out


def _keeps_secrets(house: House, ended: Ended) -> None:
    assert "Traceback" not in ended.out + ended.err
    for secret in house.secrets():
        assert secret not in ended.out.encode()
        assert secret not in ended.err.encode()


# -- good ones -------------------------------------------------------------------------------------------------------


def test_a_good_set_up_on_three_venues_is_ready(make_house: MakeHouse) -> None:
    house = make_house(
        users={"anna": "1000", "cora": "1000", "alan": "1000"}, venues={"cora": COINBASE, "alan": ALPACA}
    )
    found = verify(house, code=0)
    told = shown(house, found=found)

    assert found.failed == set()
    for venue in ("KRAKEN", "COINBASE", "ALPACA"):
        assert f"✅ {venue} IS READY TO TRADE!" in told
    for account in ("master:kraken", "anna:kraken", "cora:coinbase"):
        assert [one["verdict"] for one in found.of("order", account)] == ["ok"]
        assert [one["verdict"] for one in found.of("permissions", account)] == ["ok"]
    (none,) = found.of("order", "alan:alpaca")
    assert none["verdict"] == "note"
    assert "without placing it" in none["text"]
    assert "master:kraken leads; 3 copy it: alan:alpaca, anna:kraken, cora:coinbase" in told
    assert "./start.sh" in told
    assert {one["verdict"] for one in found.of("clock")} == {"ok"}


def test_one_venue_alone_is_looked_at_where_it_is_named(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000", "cora": "1000"}, venues={"cora": COINBASE})
    house.variables = {"COINBASE_USER_CORA_API_SECRET": "no key at all"}
    assert verify(house, "kraken", code=0).of("balance", "cora:coinbase") == []
    found = verify(house, "coinbase", code=1)
    assert ("key", "cora:coinbase") in found.failed
    both = shown(house, "all", found=found)
    assert READY in both
    assert "❌ COINBASE IS NOT READY" in both


def test_the_script_does_the_same(house: House) -> None:
    good = script(house, "verify_kraken_trading_enabled.py", "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["venues"] == {"kraken": True}
    house.paper.patch(f"/accounts/{house.logins['anna'].name}", enabled=False)
    broken = script(house, "verify_kraken_trading_enabled.py")
    assert broken.returncode == 1, broken.stderr
    assert "❌ KRAKEN IS NOT READY" in broken.stdout


def script(house: House, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / name), *arguments]
    return subprocess.run(
        command, cwd=house.folder, env=house.environment(), capture_output=True, text=True, timeout=PATIENCE_S
    )


# -- broken ones -----------------------------------------------------------------------------------------------------


def _of_anna(**fields: Any) -> Callable[[House], None]:
    def change(house: House) -> None:
        house.paper.patch(f"/accounts/{house.logins['anna'].name}", **fields)

    return change


def _another_secret(house: House) -> None:
    house.variables = {"KRAKEN_USER_ANNA_API_SECRET": house.logins["bert"].secret}


def _no_secret(house: House) -> None:
    house.variables = {"KRAKEN_USER_ANNA_API_SECRET": "this is not base64!"}


def _broken_users(house: House) -> None:
    house.users_file("[{", "investor_kraken.json")


def _same_key(house: House) -> None:
    anna = house.logins["anna"]
    house.variables = {"KRAKEN_USER_BERT_API_KEY": anna.key, "KRAKEN_USER_BERT_API_SECRET": anna.secret}


def _open_env_file(house: House) -> None:
    path = house.folder / ".env"
    path.write_text("WATCH_MASTER=false\n", encoding="utf-8")
    path.chmod(0o644)


def _no_data_folder(house: House) -> None:
    (house.folder / "a file").write_text("", encoding="utf-8")
    house.variables = {"NIJA_DATA_DIR": str(house.folder / "a file" / "data")}


def _other_master(house: House) -> None:
    house.users_file([{"user_id": "anna", "follow": "alpaca"}, {"user_id": "bert"}])


def _nobody_there(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    house.variables = {"KRAKEN_API_URL": f"http://127.0.0.1:{port}"}


def _a_clock_behind(house: House) -> None:
    house.paper.patch("/settings?venue=kraken", clock_offset_s=60)


def _disabled(house: House) -> None:
    house.variables = {"SYSTEM_DISABLED": "true"}


def _no_key(house: House) -> None:
    house.variables = {"KRAKEN_USER_ANNA_API_KEY": None, "KRAKEN_USER_ANNA_API_SECRET": None}


def _poor_master(house: House) -> None:
    house.paper.patch(f"/accounts/{house.logins['master'].name}", balances={"USD": "0.10"})


def _not_a_ledger(house: House) -> None:
    house.data.mkdir(mode=0o700)
    house.ledger.write_text("this is no database, and much too long to be an empty one\n" * 50, encoding="utf-8")


@pytest.mark.parametrize(
    ("break_it", "failed", "words"),
    [
        pytest.param(
            _another_secret, ("key", "anna:kraken"), ("Invalid signature", "KRAKEN_USER_ANNA_API_SECRET"), id="secret"
        ),
        pytest.param(_no_secret, ("key", "anna:kraken"), ("base64", "KRAKEN_USER_ANNA_API_SECRET"), id="no-secret"),
        pytest.param(
            _of_anna(enabled=False), ("key", "anna:kraken"), ("Invalid key", "KRAKEN_USER_ANNA_API_KEY"), id="revoked"
        ),
        pytest.param(
            _of_anna(
                permissions=[
                    *("query-funds", "query-open-trades", "query-closed-trades", "modify-trades"),
                    "withdraw-funds",
                ]
            ),
            ("permissions", "anna:kraken"),
            ("Withdraw Funds", "untick", "KRAKEN_USER_ANNA_API_KEY", "kraken.com"),
            id="may-withdraw",
        ),
        pytest.param(
            _of_anna(permissions=["query-funds", "query-open-trades", "query-closed-trades"]),
            ("permissions", "anna:kraken"),
            ("Create & Modify Orders", "tick", "kraken.com"),
            id="lacks-a-permission",
        ),
        pytest.param(_broken_users, ("users", "kraken"), ("investor_kraken.json", "not valid JSON"), id="users-file"),
        pytest.param(
            _same_key, ("keys", "kraken"), ("another account uses", "KRAKEN_USER_BERT_API_KEY"), id="same-key"
        ),
        pytest.param(_no_key, ("keys", "kraken"), ("KRAKEN_USER_ANNA_API_KEY=", ".env"), id="no-key"),
        pytest.param(_no_data_folder, ("data folder", None), ("NIJA_DATA_DIR",), id="data-folder"),
        pytest.param(
            _other_master, ("following", "anna:kraken"), ("master:alpaca", '"follow": "kraken"'), id="no-master"
        ),
        pytest.param(_nobody_there, ("venue", "anna:kraken"), ("curl", "KRAKEN_API_URL"), id="unreachable"),
        pytest.param(_a_clock_behind, ("clock", "kraken"), ("behind", "timedatectl"), id="clock"),
        pytest.param(_disabled, ("mode", None), ("SYSTEM_DISABLED=false",), id="disabled"),
        pytest.param(_poor_master, ("balance", "master:kraken"), ("UNDERFUNDED - will NOT trade",), id="poor-master"),
        pytest.param(_not_a_ledger, ("ledger", None), ("ledger.sqlite3", "backup"), id="no-ledger"),
    ],
)
def test_what_is_broken_is_named_with_its_mend(
    house: House, break_it: Callable[[House], None], failed: tuple[str, str | None], words: tuple[str, ...]
) -> None:
    break_it(house)
    try:
        found = verify(house, "kraken", code=1)
    finally:
        house.paper.patch("/settings?venue=kraken", clock_offset_s=0)

    assert failed in found.failed
    found.says(failed[0], *words)
    assert found.ended.json["venues"] == {"kraken": False}


def test_a_nonce_window_an_end_and_poor_users_are_no_hindrance(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000", "kim": "0.30"})
    house.paper.patch(f"/accounts/{house.logins['anna'].name}", nonce_window=10)
    found = verify(house, "kraken", code=0)

    assert found.warned == {("nonce window", "anna:kraken"), ("balance", "kim:kraken")}
    found.says("nonce window", "10", "set the nonce window of the key to 0")
    found.says("balance", "UNDERFUNDED - will NOT trade")
    assert {one["verdict"] for one in found.of("addresses")} == {"note"}
    assert READY in shown(house, "kraken", found=found)


@pytest.mark.parametrize(
    ("venue", "variables", "fields", "failed", "words"),
    [
        pytest.param(
            COINBASE,
            {"COINBASE_USER_ANNA_API_SECRET": "-----BEGIN EC PRIVATE KEY-----\\nbm90IGEga2V5\\n-----END"},
            {},
            "key",
            ("no private key", "PEM", "COINBASE_USER_ANNA_API_SECRET"),
            id="wrong-pem",
        ),
        pytest.param(COINBASE, {}, {"can_transfer": True}, "permissions", ("Transfer", "untick"), id="may-transfer"),
        pytest.param(COINBASE, {}, {"can_trade": False}, "permissions", ("lacks Trade", "tick"), id="may-not-trade"),
        pytest.param(
            ALPACA, {"ALPACA_USER_ANNA_API_SECRET": "wrong"}, {}, "key", ("ALPACA_USER_ANNA_PAPER",), id="alpaca-secret"
        ),
    ],
)
def test_keys_of_the_other_venues_are_looked_at_too(
    make_house: MakeHouse,
    venue: BrokerType,
    variables: dict[str, str | None],
    fields: dict[str, Any],
    failed: str,
    words: tuple[str, ...],
) -> None:
    house = make_house(users={"anna": "1000"}, venues={"anna": venue}, variables=variables)
    if fields:
        house.paper.patch(f"/accounts/{house.logins['anna'].name}", **fields)
    found = verify(house, code=1)
    assert (failed, f"anna:{venue}") in found.failed
    found.says(failed, *words)
    assert found.ended.json["venues"] == {"kraken": True, venue: False}, "one venue's trouble is not the other's"


def test_a_hung_account_holds_nobody_up(house: House) -> None:
    house.paper.fault("hang", account=house.logins["anna"].name, seconds=30, times=None)
    house.variables = {"READ_TIMEOUT_S": "1"}
    began = time.monotonic()
    ended = house.run("verify", "kraken", "--json")
    assert time.monotonic() - began < 20
    assert ended.code == 1
    rows = ended.json["checks"]
    assert [one["verdict"] for one in rows if one["id"] == "balance"] == ["ok", "ok"]
    assert [one["account"] for one in rows if one["id"] == "venue"] == ["anna:kraken"]


# -- nothing there, nothing readable ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("kraken",)], ids=["all", "one"])
def test_without_any_keys_it_says_what_to_do_first(house: House, arguments: tuple[str, ...]) -> None:
    house.variables = {name: None for name in house.environment() if "_API_KEY" in name or "_API_SECRET" in name}
    house.users_file([])
    found = verify(house, *arguments, code=1)
    shown(house, *arguments, found=found)
    found.says("accounts", "python bot.py demo")
    found.says("accounts", "cp .env.example .env")
    found.says("accounts", "KRAKEN_MASTER_API_KEY=")


def test_an_env_file_that_others_may_read_is_refused_with_the_line_that_mends_it(house: House) -> None:
    _open_env_file(house)
    house.run("verify").refused(2, ".env", "chmod 600 .env")
    told = house.run("verify", "--json")
    assert told.code == 2
    assert any("chmod 600 .env" in check["text"] for check in told.json["checks"])


def test_settings_that_cannot_be_read_are_told_apart(house: House) -> None:
    house.variables = {"READ_TIMEOUT_S": "soon"}
    house.run("verify").refused(2, "READ_TIMEOUT_S")
    told = house.run("verify", "--json")
    assert told.code == 2
    assert told.json["ready"] is False
    assert "READ_TIMEOUT_S" in told.json["checks"][0]["text"]


def test_a_venue_without_accounts_is_not_ready(house: House) -> None:
    found = verify(house, "coinbase", code=1)
    found.says("accounts", "COINBASE_API_KEY", "portal.cdp.coinbase.com")


# -- beside a running bot --------------------------------------------------------------------------------------------


def test_keys_of_a_running_bot_are_not_used(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000", "cora": "1000"}, venues={"cora": COINBASE})
    with house.bot():
        house.paper.delete("/requests")
        ended = house.run("verify", "--json")
        asked = house.paper.get("/requests?method=GetApiKeyInfo")["count"]

        assert ended.code == 0, ended
        assert ended.json["running"] is True
        assert asked == 0
        rows = {(one["id"], one["account"]): one for one in ended.json["checks"]}
        assert "as the running bot wrote" in rows["balance", "anna:kraken"]["text"]
        assert rows["permissions", "cora:coinbase"]["verdict"] == "ok"
        report = house.run("trade", "buy", "BTC-USD", "--usd", "100", "--json")
        assert report.code == 0, report
    assert {len(house.orders(who)) for who in ("master", "anna", "cora")} == {1}


def test_the_ledger_of_an_earlier_run_is_left_as_it_is(house: House) -> None:
    with house.bot():
        pass
    found = verify(house, "kraken", code=0)
    found.says("ledger", "version", "can be written")
    assert house.run("kill").code == 0
    stopped = verify(house, "kraken", code=1)
    stopped.says("mode", "kill switch", "python bot.py resume")


# -- emission --------------------------------------------------------------------------------------------------------


def test_signal_emission_is_proven(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(REPOSITORY / "verify_kraken_signal_emission.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert all(line.startswith("✅") for line in lines), lines
    for words in (
        "MASTER's buy becomes a signal",
        "USER's order becomes no signal",
        "an emitter that fails",
        "is full",
    ):
        assert any(words in line for line in lines)
    assert lines[-1].startswith("✅ SIGNAL EMISSION WORKS")
