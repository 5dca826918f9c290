"""Users files: every fault is one line with file, user and field, and the other users still trade."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.settings.users import load_users
from tests.paper_exchange.client import REPOSITORY
from tests.unit.settings.helpers import Office, complaints, keys_of, names_of, the_only_complaint

TANIA = {"user_id": "tania_gilbert"}
TANIAS_KEYS = keys_of("TANIA", "BAD", "DAIVON")


def test_a_user_id_is_all_that_an_entry_needs(office: Office) -> None:
    office.write("investor_kraken.json", {"user_id": "daivon_frazier"})
    settings = office.load(keys_of("DAIVON"))
    (account,) = settings.users
    user = account.user
    assert user is not None
    assert settings.problems == ()
    assert account.account == AccountId("daivon_frazier", BrokerType.KRAKEN)
    assert (user.enabled, user.copy_from_master, user.account_type) == (True, True, "investor")
    assert not user.independent
    assert (user.multiplier, user.max_user_risk, user.max_trade_usd) == (Decimal(1), None, None)
    assert (user.disabled_symbols, user.allowed_symbols) == (frozenset(), None)
    assert user.master == AccountId.master(BrokerType.KRAKEN)


@pytest.mark.parametrize("venue", BrokerType)
@pytest.mark.parametrize("kind", ["retail", "investor"])
def test_venue_and_account_type_come_from_the_files_name(office: Office, kind: str, venue: BrokerType) -> None:
    office.write(f"{kind}_{venue}.json", TANIA)
    (user,), problems = load_users(office.users)
    assert problems == []
    assert (user.venue, user.account_type) == (venue, kind)


def test_what_an_entry_says_itself_wins_over_the_files_name(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"venue": "alpaca", "account_type": "investor"})
    office.write("retail_coinbase.json", {"user_id": "daivon", "broker_type": "alpaca"})
    users, problems = load_users(office.users)
    assert problems == []
    assert {(user.venue, user.account_type) for user in users} == {
        (BrokerType.ALPACA, "investor"),
        (BrokerType.ALPACA, "retail"),
    }


def test_an_entry_that_names_two_venues_is_refused_instead_of_guessed_at(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"venue": "alpaca", "broker_type": "coinbase"})
    users, problems = load_users(office.users)
    assert users == []
    assert problems


def test_numbers_are_exact(office: Office) -> None:
    office.write_text(
        "retail_kraken.json",
        '[{"user_id": "tania", "multiplier": 0.1, "max_user_risk": 0.07, "max_trade_usd": 123.45}]',
    )
    (user,), problems = load_users(office.users)
    assert problems == []
    assert (user.multiplier, user.max_user_risk, user.max_trade_usd) == (
        Decimal("0.1"),
        Decimal("0.07"),
        Decimal("123.45"),
    )


def test_symbols_are_canonical_whatever_their_case(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"disabled_symbols": ["btc-usd"], "allowed_symbols": ["ETH-USD"]})
    (user,), problems = load_users(office.users)
    assert problems == []
    assert user.disabled_symbols == {"BTC-USD"}
    assert user.allowed_symbols == {"ETH-USD"}


def test_krakens_own_names_of_coins_bar_what_they_mean(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"disabled_symbols": ["xbt-usd", "XDG-USD", "ETH-XBT"]})
    (user,), problems = load_users(office.users)
    assert problems == []
    assert user.disabled_symbols == {"BTC-USD", "DOGE-USD", "ETH-BTC"}


def test_a_user_may_follow_another_venues_master_or_nobody(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"follow": "coinbase"}, {"user_id": "x", "copy_from_master": False})
    (tania, nobody), problems = load_users(office.users)
    assert problems == []
    assert tania.master == AccountId.master(BrokerType.COINBASE)
    assert nobody.master is None


def test_money_is_mapped_to_other_money_whatever_its_case(office: Office) -> None:
    office.write("retail_kraken.json", TANIA | {"quote_map": {"usd": "usdc"}}, {"user_id": "x"})
    (tania, other), problems = load_users(office.users)
    assert problems == []
    assert (tania.symbol_for("BTC-USD"), tania.symbol_for("BTC-USDT")) == ("BTC-USDC", "BTC-USDT")
    assert other.symbol_for("BTC-USD") == "BTC-USD"


WRONG_FIELDS: list[tuple[str, Any]] = [
    ("enabled", "true"),
    ("enabled", 1),
    ("enabled", 0),
    ("enabled", None),
    ("enabled", "yes"),
    ("copy_from_master", "false"),
    ("copy_from_master", 1.0),
    ("independent", "true"),
    ("independent", 1),
    ("multiplier", "2"),
    ("multiplier", True),
    ("multiplier", None),
    ("multiplier", 0),
    ("multiplier", -1),
    ("multiplier", 10.1),
    ("multiplier", float("nan")),
    ("multiplier", float("inf")),
    ("max_user_risk", "0.05"),
    ("max_user_risk", True),
    ("max_user_risk", 0),
    ("max_user_risk", -0.01),
    ("max_user_risk", 0.1000001),
    ("max_user_risk", 5),
    ("max_user_risk", float("nan")),
    ("max_user_risk", float("-inf")),
    ("max_trade_usd", "100"),
    ("max_trade_usd", False),
    ("max_trade_usd", 0),
    ("max_trade_usd", -5),
    ("max_trade_usd", float("nan")),
    ("max_trade_usd", float("inf")),
    ("max_trade_usd", [100]),
    ("follow", "binance"),
    ("follow", True),
    ("venue", "mars"),
    ("venue", None),
    ("account_type", "vip"),
    ("account_type", 1),
    ("name", 5),
    ("name", None),
    ("description", ["x"]),
    ("disabled_symbols", "BTC-USD"),
    ("disabled_symbols", ["BTCUSD"]),
    ("disabled_symbols", [5]),
    ("disabled_symbols", {"BTC-USD": True}),
    ("disabled_symbols", None),
    ("quote_map", {"USD": "EUR"}),
    ("quote_map", {"BTC": "USD"}),
    ("quote_map", "USDC"),
    ("allowed_symbols", "BTC-USD"),
    ("allowed_symbols", ["BTC/USD"]),
]


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS, ids=[f"{f}={v!r}" for f, v in WRONG_FIELDS])
def test_a_wrong_field_is_one_line_with_file_user_and_field_and_the_others_trade(
    office: Office, field: str, value: Any
) -> None:
    path = office.write("retail_kraken.json", {"user_id": "bad_one", field: value}, TANIA)
    settings = office.load(TANIAS_KEYS)
    line = the_only_complaint(settings)
    assert str(path) in line
    assert "bad_one" in line
    assert field in line
    assert names_of(settings) == ["tania_gilbert"]


@pytest.mark.parametrize("field", ["enable", "multiplyer", "api_key", "max_user_risk_pct", "_file", "Enabled"])
def test_an_unknown_field_is_named(office: Office, field: str) -> None:
    path = office.write("retail_kraken.json", {"user_id": "bad_one", field: 1}, TANIA)
    settings = office.load(TANIAS_KEYS)
    line = the_only_complaint(settings)
    assert line == f"{path}: user bad_one: {field}: unknown field"
    assert names_of(settings) == ["tania_gilbert"]


def test_a_tenth_is_the_highest_risk_that_a_user_may_have(office: Office) -> None:
    office.write_text("retail_kraken.json", '[{"user_id": "tania", "max_user_risk": 0.10}]')
    (user,), problems = load_users(office.users)
    assert problems == []
    assert user.max_user_risk == Decimal("0.10")


def test_every_fault_of_an_entry_is_told_at_once(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "bad_one", "enabled": "no", "multiplier": "2", "colour": "red"})
    lines = complaints(office.load())
    assert len(lines) == 3
    assert all("bad_one" in line for line in lines)
    assert {field for field in ("enabled", "multiplier", "colour") if any(field in line for line in lines)} == {
        "enabled",
        "multiplier",
        "colour",
    }


@pytest.mark.parametrize(
    "user_id", [None, 5, True, "", " ", "a b", "-tania", "tanía", "../tania", "x" * 65, "a:b", "a/b", "tania\n"]
)
def test_a_user_id_that_cannot_be_one_is_refused_and_its_place_is_told(office: Office, user_id: Any) -> None:
    path = office.write("retail_kraken.json", TANIA, {"user_id": user_id})
    settings = office.load(TANIAS_KEYS)
    line = the_only_complaint(settings)
    assert str(path) in line
    assert "user_id" in line
    assert names_of(settings) == ["tania_gilbert"]


def test_names_with_line_breaks_do_not_break_the_line(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "tania\nFAKE LINE"}, {"user_id": "tania", "a\nb": 1})
    lines = complaints(office.load())
    assert len(lines) == 2


def test_an_entry_without_user_id_is_named_by_its_position(office: Office) -> None:
    path = office.write("retail_kraken.json", TANIA, {"enabled": True})
    line = the_only_complaint(office.load(TANIAS_KEYS))
    assert line.startswith(f"{path}: entry 2: user_id: ")


@pytest.mark.parametrize("entry", ["tania", 5, None, [], ["tania"], True])
def test_an_entry_that_is_no_object_is_one_line(office: Office, entry: Any) -> None:
    path = office.write("retail_kraken.json", entry, TANIA)
    settings = office.load(TANIAS_KEYS)
    assert the_only_complaint(settings).startswith(f"{path}: entry 1")
    assert names_of(settings) == ["tania_gilbert"]


BROKEN_FILES = {
    "empty": "",
    "cut off": '[{"user_id": "tania_gilbert"',
    "trailing comma": '[{"user_id": "tania_gilbert"},]',
    "comment": '[// users\n{"user_id": "tania_gilbert"}]',
    "single quotes": "[{'user_id': 'tania'}]",
    "byte order mark": '\ufeff[{"user_id": "tania_gilbert"}]',
    "an object": '{"users": []}',
    "a text": '"tania"',
    "null": "null",
    "a number of too many digits": '[{"user_id": "bad_one", "max_trade_usd": ' + "9" * 5000 + "}]",
    "a number with an exponent of too many digits": '[{"user_id": "bad_one", "max_trade_usd": 1e99999999999999999999}]',
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_file_that_cannot_be_read_is_one_line_and_the_other_files_users_trade(office: Office, text: str) -> None:
    path = office.write_text("investor_kraken.json", text)
    office.write("retail_kraken.json", TANIA)
    settings = office.load(TANIAS_KEYS)
    assert str(path) in the_only_complaint(settings)
    assert names_of(settings) == ["tania_gilbert"]


def test_wrong_json_is_told_with_line_and_column(office: Office) -> None:
    office.write_text("retail_kraken.json", '[\n  {"user_id": "tania"}\n  {"user_id": "daivon"}\n]')
    line = the_only_complaint(office.load())
    assert "not valid JSON" in line
    assert "line 3, column 3" in line


def test_bytes_that_are_no_text_are_one_line(office: Office) -> None:
    (office.users / "retail_kraken.json").write_bytes(b'[{"user_id": "\xff\xfe"}]')
    assert "cannot be read" in the_only_complaint(office.load())


def test_a_folder_in_the_place_of_a_file_is_one_line(office: Office) -> None:
    (office.users / "retail_kraken.json").mkdir()
    assert "cannot be read" in the_only_complaint(office.load())


def test_a_file_of_an_unknown_venue_says_which_field_is_missing(office: Office) -> None:
    path = office.write("retail_binance.json", {"user_id": "bad_one"})
    office.write("retail_kraken.json", TANIA)
    settings = office.load(TANIAS_KEYS)
    line = the_only_complaint(settings)
    assert line.startswith(f"{path}: user bad_one: venue: ")
    assert names_of(settings) == ["tania_gilbert"]


def test_a_user_that_stands_twice_is_used_from_neither_place(office: Office) -> None:
    """Which of the two limits holds is nothing to guess about."""
    first = office.write("investor_kraken.json", TANIA | {"multiplier": 2})
    second = office.write("retail_kraken.json", TANIA, {"user_id": "daivon"})
    settings = office.load(TANIAS_KEYS)
    lines = complaints(settings)
    assert len(lines) == 2
    assert [str(path) in line for path, line in zip((first, second), lines, strict=True)] == [True, True]
    assert all("tania_gilbert" in line and "user_id" in line for line in lines)
    assert names_of(settings) == ["daivon"]


def test_one_user_at_two_venues_is_two_accounts(office: Office) -> None:
    office.write("retail_kraken.json", TANIA)
    office.write("retail_alpaca.json", TANIA)
    settings = office.load(keys_of("TANIA"), keys_of("TANIA", venue="ALPACA"))
    assert {str(account.account) for account in settings.users} == {"tania_gilbert:kraken", "tania_gilbert:alpaca"}


def test_the_masters_name_is_reserved(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "master"}, TANIA)
    settings = office.load(keys_of("MASTER", "TANIA"))
    assert "'master' is reserved" in the_only_complaint(settings)
    assert names_of(settings) == ["tania_gilbert"]


def test_only_json_files_are_users_files(office: Office) -> None:
    office.write_text("README.md", "# users")
    office.write_text("retail_kraken.json.example", "[{}]")
    office.write("retail_kraken.json")
    assert load_users(office.users) == ([], [])


def test_a_folder_that_is_not_there_is_told_and_not_taken_for_nobody(tmp_path: Path, office: Office) -> None:
    """A letter wrong in NIJA_USERS_DIR, and a bot that trades for nobody would look healthy."""
    missing = tmp_path / "user"
    line = the_only_complaint(office.load({"NIJA_USERS_DIR": str(missing)}))
    assert str(missing) in line


def test_the_example_that_comes_with_the_repository_is_right(office: Office) -> None:
    for example in (Path(__file__).resolve().parents[3] / "config" / "users").glob("*.json.example"):
        office.write_text(example.stem, example.read_text(encoding="utf-8"))
    users, problems = load_users(office.users)
    assert users
    assert problems == []


@pytest.mark.parametrize("venue", sorted(BrokerType))
def test_the_example_of_a_venue_is_good_as_it_is(office: Office, venue: BrokerType) -> None:
    example = REPOSITORY / "config" / "users" / f"retail_{venue}.json.example"
    office.write_text(f"retail_{venue}.json", example.read_text())
    users, problems = load_users(office.users)
    assert problems == []
    assert {user.venue for user in users} == {venue}
