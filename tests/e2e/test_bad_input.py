"""What a person may get wrong: one clear line that names it, no traceback, nothing placed, the others unaffected."""

from __future__ import annotations

import base64
import signal
import stat
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import Ended, House
from tests.fakes.relay import relaying
from tests.paper_exchange.client import Paper, eventually

pytestmark = pytest.mark.e2e

BUY = ("trade", "buy", "BTC-USD", "--usd", "100")


def the_others_traded(house: House, ended: Ended, *others: str) -> None:
    """The master and these users have one order each; nobody else has one."""
    assert ended.code == 0, ended
    expected = dict.fromkeys(house.logins, 0) | dict.fromkeys(("master", *others), 1)
    assert house.order_counts() == expected


# -- users and their credentials -------------------------------------------------------------------------------------


def test_a_users_file_that_is_no_json_leaves_out_its_users_only(house: House) -> None:
    path = house.users_file('[{"user_id": "anna"},]')
    house.users_file([{"user_id": "bert", "venue": "kraken"}], "more.json")

    ended = house.run(*BUY)

    ended.in_one_line(str(path), "not valid JSON", "line 1")
    the_others_traded(house, ended, "bert")
    house.run("users").refused(2, str(path), "not valid JSON")


def test_wrong_entries_are_named_with_file_user_and_field(house: House) -> None:
    wrong: tuple[tuple[Any, tuple[str, ...]], ...] = (
        ({"user_id": "u1", "multplier": 2}, ("user u1", "multplier", "unknown field")),
        ({"user_id": "u2", "multiplier": "2"}, ("user u2", "multiplier", "must be a number")),
        ({"user_id": "u3", "max_user_risk": 0.5}, ("user u3", "max_user_risk", "0.10")),
        ({"user_id": "u4", "enabled": "yes"}, ("user u4", "enabled", "true or false")),
        ({"user_id": "u5", "venue": "binance"}, ("user u5", "venue")),
        ({"user_id": "u6", "follow": "nobody"}, ("user u6", "follow")),
        ({"user_id": "u7", "disabled_symbols": ["BTC"]}, ("user u7", "disabled_symbols")),
        ({"user_id": "../u8"}, ("user ../u8", "user_id")),
        ({"name": "Nine"}, ("entry 9", "user_id")),
        ("u10", ("entry 10",)),
    )
    path = house.users_file([*(entry for entry, _ in wrong), {"user_id": "bert"}])

    shown = house.run("users", "--json")

    assert shown.code == 2
    assert "Traceback" not in shown.err
    assert len(shown.json["problems"]) == len(wrong)
    for (_, words), problem in zip(wrong, shown.json["problems"], strict=True):
        assert all(word in problem for word in (str(path), *words)), problem
    assert [row["account"] for row in shown.json["accounts"]] == ["master:kraken", "bert:kraken"]


def test_everything_wrong_at_once_leaves_the_good_user_trading(make_house: MakeHouse) -> None:
    users = dict.fromkeys(("anna", "twice", "typo", "keyless", "halved", "garbled", "foreign", "powerless"), "1000")
    house = make_house(users=users)
    entries: list[dict[str, Any]] = [{"user_id": name} for name in users]
    entries += [{"user_id": "twice"}, {"user_id": "anna_smith"}]
    entries[2]["multplier"] = 2
    house.users_file(entries)
    house.users_file("{", "investor_kraken.json")
    house.variables = {
        "KRAKEN_USER_KEYLESS_API_KEY": None,
        "KRAKEN_USER_KEYLESS_API_SECRET": None,
        "KRAKEN_USER_HALVED_API_SECRET": None,
        "KRAKEN_USER_GARBLED_API_SECRET": "this is not base64!",
        "KRAKEN_USER_FOREIGN_API_SECRET": base64.b64encode(b"somebody else's").decode(),
    }
    house.paper.patch(f"/accounts/{house.logins['powerless'].name}", permissions=["query-funds"])

    ended = house.run(*BUY)

    for words in (
        ("twice", "more than once"),
        ("typo", "multplier", "unknown field"),
        ("KRAKEN_USER_KEYLESS_API_KEY", "not set"),
        ("KRAKEN_USER_HALVED_API_SECRET", "not set"),
        ("garbled", "not valid base64"),
        ("foreign", "EAPI:Invalid signature"),
        ("powerless", "modify-trades"),
        ("anna_smith", "KRAKEN_USER_ANNA_API_KEY"),
        ("investor_kraken.json", "not valid JSON"),
    ):
        ended.in_one_line(*words)
    assert "not base64!" not in ended.err
    # Two users that meet in one credential name are both left out, so nobody's order can reach the wrong account.
    the_others_traded(house, ended)


def test_the_good_users_trade_beside_every_bad_one(make_house: MakeHouse) -> None:
    house = make_house(users=dict.fromkeys(("anna", "garbled", "foreign", "powerless", "gone"), "1000"))
    house.variables = {
        "KRAKEN_USER_GARBLED_API_SECRET": "this is not base64!",
        "KRAKEN_USER_FOREIGN_API_SECRET": base64.b64encode(b"somebody else's").decode(),
    }
    house.paper.patch(f"/accounts/{house.logins['powerless'].name}", permissions=["query-funds"])
    house.paper.patch(f"/accounts/{house.logins['gone'].name}", enabled=False)

    ended = house.run(*BUY)

    the_others_traded(house, ended, "anna")
    for words in (("garbled", "base64"), ("foreign", "signature"), ("powerless", "modify-trades"), ("gone", "key")):
        ended.in_one_line(*words)
    seen = {row["account"]: row for row in house.run("users", "--json").json["accounts"]}
    assert seen["anna:kraken"]["connected"] == "yes"
    for name in ("garbled", "foreign", "powerless", "gone"):
        assert seen[f"{name}:kraken"]["connected"] == "no"
        assert seen[f"{name}:kraken"]["status"] not in ("", "never connected", "connected"), name


def test_without_a_users_folder_the_master_trades_alone_and_the_folder_is_named(house: House) -> None:
    house.variables = {"NIJA_USERS_DIR": str(house.folder / "nowhere")}

    ended = house.run(*BUY)

    ended.in_one_line(str(house.folder / "nowhere"), "NIJA_USERS_DIR")
    the_others_traded(house, ended)


# -- the master ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"KRAKEN_MASTER_API_KEY": None, "KRAKEN_MASTER_API_SECRET": None}, ("master", "key")),
        ({"KRAKEN_MASTER_API_SECRET": None}, ("KRAKEN_MASTER_API_SECRET", "not set")),
        ({"KRAKEN_MASTER_API_SECRET": "&&&"}, ("not valid base64",)),
        ({"KRAKEN_MASTER_API_SECRET": base64.b64encode(b"wrong").decode()}, ("Invalid signature",)),
        ({"KRAKEN_MASTER_API_KEY": "nobody's key"}, ("Invalid key",)),
    ],
)
def test_a_master_that_cannot_trade_says_why(
    house: House, variables: dict[str, str | None], words: tuple[str, ...]
) -> None:
    house.variables = variables

    house.run(*BUY).refused(1, *words)

    assert house.nothing_placed()


@pytest.mark.parametrize("missing", [("KRAKEN_MASTER_API_KEY", "KRAKEN_MASTER_API_SECRET"), ("KRAKEN_MASTER_API_KEY",)])
def test_the_bot_does_not_run_without_a_master(house: House, missing: tuple[str, ...]) -> None:
    house.variables = dict.fromkeys(missing)

    house.run("run").refused(2, "KRAKEN_MASTER_API_KEY")


def test_a_master_without_the_permission_to_trade_is_named_and_nothing_is_placed(house: House) -> None:
    house.paper.patch(f"/accounts/{house.logins['master'].name}", permissions=["query-funds", "query-open-trades"])

    ended = house.run(*BUY)

    ended.refused(1, "the master did not trade", "modify-trades")
    assert house.nothing_placed()


# -- trades ----------------------------------------------------------------------------------------------------------


def test_wishes_that_cannot_be_carried_out_are_refused_one_by_one_by_a_running_bot(house: House) -> None:
    house.paper.patch("/market/ETH-USD", status="cancel_only")
    wishes = (
        (("BTC-USD", "--usd", "0"), ("size", "was 0")),
        (("BTC-USD", "--usd", "-5"), ("size", "was -5")),
        (("BTC-USD", "--usd", "NaN"), ("size", "NaN")),
        (("BTC-USD", "--quantity", "abc"), ("size", "abc")),
        (("BTC-USD", "--quantity", "0.00001"), ("minimum", "0.00005")),
        (("BTC-USD", "--usd", "20000"), ("nsufficient funds",)),
        (("NOPE-USD", "--usd", "100"), ("NOPE-USD",)),
        (("[/red]", "--usd", "100"), ("[/red]",)),
        (("ETH-USD", "--usd", "100"), ("ETH-USD", "cancel_only")),
        (("BTC-USD", "--usd", "100", "--venue", "alpaca"), ("alpaca",)),
    )
    with house.bot() as bot:
        for wish, words in wishes:
            house.run("trade", "buy", *wish).refused(1, *words)
        as_json = house.run("trade", "buy", "BTC-USD", "--usd", "abc", "--json")
        assert as_json.code == 1
        assert as_json.json["accepted"] is False
        assert "abc" in as_json.json["master"]["reason"]
        assert house.nothing_placed()
        the_others_traded(house, house.run(*BUY), "anna", "bert")
        ended = bot.stop()
    assert ended.code == 0
    assert "Traceback" not in ended.err
    house.paper.patch("/market/ETH-USD", status="online")


def test_a_wish_that_cannot_be_carried_out_is_refused_without_a_running_bot_too(house: House) -> None:
    house.run("trade", "buy", "BTC-USD", "--usd", "NaN").refused(1, "the master did not trade", "NaN")

    assert house.nothing_placed()


# -- the venue -------------------------------------------------------------------------------------------------------


def test_a_hung_venue_at_the_start_is_named_and_nothing_is_placed(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000"}, variables={"READ_TIMEOUT_S": "0.5"})
    house.paper.fault("hang", times=None, seconds=30)

    house.run(*BUY).refused(1, "the master did not trade", "no answer")

    house.paper.delete("/faults")
    assert house.nothing_placed()


def test_a_hung_account_at_the_start_keeps_nobody_else(house: House) -> None:
    house.variables = {"READ_TIMEOUT_S": "1"}
    house.paper.fault("hang", account=house.logins["bert"].name, times=None, seconds=30)

    ended = house.run(*BUY)

    ended.in_one_line("bert", "NOT connected", "no answer")
    the_others_traded(house, ended, "anna")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bot_can_be_stopped_while_a_hung_venue_keeps_it_from_starting(house: House, number: signal.Signals) -> None:
    house.paper.fault("hang", times=None, seconds=60)
    running = house.begin("run")
    eventually(lambda: house.paper.get("/faults")[0]["struck"], 30)
    began = time.monotonic()

    ended = running.stop(number)

    assert time.monotonic() - began < 5
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert house.nothing_placed()


def test_a_bot_whose_venue_hangs_can_still_be_stopped_in_time(house: House) -> None:
    with house.bot() as bot:
        house.paper.fault("hang", times=None, seconds=60)
        trade = house.begin(*BUY)
        eventually(lambda: house.paper.get("/faults")[0]["struck"], 30)
        began = time.monotonic()

        ended = bot.stop()

        assert time.monotonic() - began < 11
        assert ended.code in (0, 1)
        assert "Traceback" not in ended.err
        trade.process.kill()


def test_nobody_at_the_address_is_named(make_house: MakeHouse) -> None:
    house = make_house(users={}, variables={"KRAKEN_API_URL": "http://127.0.0.1:9"})

    house.run(*BUY).refused(1, "the master did not trade", "no connection")


@pytest.mark.parametrize("command", [("run",), BUY, ("kill",)])
def test_plain_http_to_another_machine_is_refused(house: House, command: tuple[str, ...]) -> None:
    house.variables = {"KRAKEN_API_URL": "http://api.kraken.example"}

    house.run(*command).refused(2, "KRAKEN_API_URL", "plain http", "use https")

    assert not house.data.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KRAKEN_API_URL", "ftp://127.0.0.1"),
        ("KRAKEN_TIER", "gold"),
        ("READ_TIMEOUT_S", "0"),
        ("OBSERVE_ONLY", "maybe"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(house: House, name: str, value: str) -> None:
    house.variables = {name: value}

    house.run("users").refused(2, name)


def test_a_ledger_url_that_cannot_be_read_is_named_without_its_password(house: House) -> None:
    house.variables = {"LEDGER_URL": "mysql://nija:hunter2hunter2@localhost/nija"}

    ended = house.run(*BUY)

    ended.refused(1, "LEDGER_URL")
    assert "hunter2" not in ended.err
    assert house.nothing_placed()


# -- the data folder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("run",), BUY, ("kill", "why"), ("copies",)])
def test_a_data_folder_that_is_none_is_named(house: House, command: tuple[str, ...]) -> None:
    house.data.write_text("a file where the folder should be")

    ended = house.run(*command)

    assert ended.code in (1, 2), ended
    ended.in_one_line(str(house.data))
    assert house.nothing_placed()


@pytest.mark.parametrize("command", [BUY, ("kill", "why")])
def test_a_data_folder_that_cannot_be_made_is_named(house: House, command: tuple[str, ...]) -> None:
    # Not even the super-user makes a folder there.
    house.variables = {"NIJA_DATA_DIR": "/proc/nija/data"}

    house.run(*command).refused(2, "NIJA_DATA_DIR", "/proc/nija/data")

    assert house.nothing_placed()


def test_a_ledger_that_is_none_is_named_and_left_as_it_is(house: House) -> None:
    house.data.mkdir()
    house.ledger.write_bytes(b"my holiday pictures" * 100)

    for command in (BUY, ("run",), ("copies",), ("kill", "why")):
        house.run(*command).refused(1, str(house.ledger))

    assert house.ledger.read_bytes() == b"my holiday pictures" * 100
    assert house.nothing_placed()


@pytest.mark.parametrize("content", ["{", '{"account": "somebody else", "ceiling": 5}'])
def test_a_damaged_nonce_file_leaves_out_its_account_only(house: House, content: str) -> None:
    path = nonce_file(house, "anna")
    path.write_text(content)

    ended = house.run(*BUY)

    ended.in_one_line("anna", str(path), "cannot be used")
    the_others_traded(house, ended, "bert")
    assert path.read_text() == content


def nonce_file(house: House, user: str) -> Path:
    folder = house.data / "nonces"
    folder.mkdir(parents=True)
    return folder / f"kraken_nonce_{user}_kraken.json"


def test_keys_that_another_bot_uses_are_left_alone(house: House) -> None:
    elsewhere = house.folder / "elsewhere"
    elsewhere.mkdir()
    with house.bot():
        # The same nonces from another data folder: two bots would fight over every key.
        (elsewhere / "nonces").symlink_to(house.data / "nonces")
        house.variables = {"NIJA_DATA_DIR": str(elsewhere)}
        house.run(*BUY).refused(1, "master:kraken", "in use already")
        house.variables = {}
        assert house.nothing_placed()


# -- secrets ---------------------------------------------------------------------------------------------------------


def forms_of(secret: bytes) -> set[bytes]:
    """A secret as it is, and as it looks in an address or in base64."""
    text = secret.decode()
    return {secret, quote(text, safe="").encode(), base64.b64encode(secret)}


def test_no_key_secret_or_signature_appears_anywhere(make_house: MakeHouse) -> None:
    house = make_house(users=dict.fromkeys(("anna", "bert", "foreign", "garbled", "gone", "powerless"), "1000"))
    wrong = {
        "KRAKEN_USER_FOREIGN_API_SECRET": base64.b64encode(b"somebody else's secret, 32 bytes!").decode(),
        "KRAKEN_USER_GARBLED_API_SECRET": "not!base64!but!somebody's!secret!all!the!same",
    }
    house.paper.patch(f"/accounts/{house.logins['gone'].name}", enabled=False)
    house.paper.patch(f"/accounts/{house.logins['powerless'].name}", permissions=["query-funds"])
    ended: list[Ended] = []
    with relaying(house.paper.kraken_url) as relay:
        house.variables = {"KRAKEN_API_URL": relay.url, "LOG_LEVEL": "DEBUG", **wrong}
        with house.bot() as bot:
            ended.append(house.run(*BUY))
            for kind in ("http_502", "html", "truncated", "error"):
                name = house.logins["bert" if kind != "error" else "master"].name
                house.paper.fault(kind, account=name, method="AddOrder", when="after", text="EGeneral:Internal error")
                ended.append(house.run(*BUY))
                house.paper.delete("/faults")
            for command in (("users", "--json"), ("status",), ("copies", "--json"), ("kill", "x"), BUY):
                ended.append(house.run(*command))
            ended.append(bot.stop())
        house.variables["HTTP_SESSION"] = "requests"
        house.run("resume")
        house.paper.fault("http_502", method="AddOrder", when="after")
        ended.append(house.run(*BUY))
        signed = [one.headers["API-Sign"] for one in relay.asked if "API-Sign" in one.headers]
        signatures = sorted({signature.encode() for signature in signed})
        assert len(signatures) > 20
    secrets = house.secrets() + [text.encode() for text in wrong.values()]
    assert len(set(secrets)) == 2 * len(house.logins) + len(wrong)
    files = {path: path.read_bytes() for path in house.data.rglob("*") if path.is_file()}
    assert {path.name for path in files} >= {"ledger.sqlite3", "kraken_nonce_anna_kraken.json"}
    texts = {str(path): content for path, content in files.items()}
    texts |= {f"output {number}": (one.out + one.err).encode() for number, one in enumerate(ended)}
    assert sum(map(len, texts.values())) > 10_000
    for where, text in texts.items():
        for secret in secrets + signatures:
            assert not any(form in text for form in forms_of(secret)), where


def test_what_the_bot_keeps_is_for_its_user_only(house: House) -> None:
    assert house.run(*BUY).code == 0

    assert stat.S_IMODE(house.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.ledger.stat().st_mode) == 0o600


def test_a_dotenv_file_is_read_and_the_environment_goes_over_it(house: House, paper: Paper) -> None:
    login = house.logins["anna"]
    lines = {"KRAKEN_USER_ANNA_API_KEY": login.key, "KRAKEN_USER_ANNA_API_SECRET": login.secret, "KRAKEN_TIER": "gold"}
    dotenv = house.folder / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    dotenv.chmod(0o600)
    house.variables = dict.fromkeys(["KRAKEN_USER_ANNA_API_KEY", "KRAKEN_USER_ANNA_API_SECRET"])

    ended = house.run(*BUY)

    the_others_traded(house, ended, "anna", "bert")
    assert paper.get("/requests")["refused"] == {}
