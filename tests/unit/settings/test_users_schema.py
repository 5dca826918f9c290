"""The schema that editors check users files with says what the bot says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from bot.domain.enums import BrokerType
from bot.settings.users import UserSettings
from bot.settings.users.files import check_users_file
from bot.settings.users.schema import users_file_schema, users_file_schema_text
from tests.paper_exchange.client import REPOSITORY
from tests.unit.settings.test_users import WRONG_FIELDS

FOLDER = REPOSITORY / "config" / "users"
EXAMPLES = [f"{kind}_{venue}.json.example" for kind in ("investor", "retail") for venue in sorted(BrokerType)]
FIELDS: dict[str, Any] = users_file_schema()["$defs"]["User"]["properties"]


def is_valid(entries: Any) -> bool:
    return jsonschema_rs.validator_for(users_file_schema()).is_valid(entries)


def bot_takes(entry: Any, name: str = "retail_kraken.json") -> bool:
    return not check_users_file(Path(name), json.dumps([entry]).encode()).problems


def test_the_file_beside_the_users_files_is_up_to_date() -> None:
    text = (FOLDER / "users.schema.json").read_text(encoding="utf-8")
    assert text == users_file_schema_text(), "run: python bot.py users schema > config/users/users.schema.json"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_of_file_has_an_example_that_both_take(name: str) -> None:
    path = FOLDER / name
    found = check_users_file(path.with_suffix(""), path.read_bytes())
    assert found.users
    assert found.problems == ()
    assert is_valid(json.loads(path.read_text()))
    kind, _, venue = name.partition(".")[0].partition("_")
    assert {(user.account_type, user.venue) for user in found.users} == {(kind, venue)}


def test_no_user_stands_in_two_examples() -> None:
    accounts = [
        (entry["user_id"], name)
        for name in EXAMPLES
        for entry in json.loads((FOLDER / name).read_text(encoding="utf-8"))
    ]
    assert len({user for user, _ in accounts}) == len(accounts)


def test_fields_descriptions_and_defaults_are_the_models() -> None:
    assert set(FIELDS) == {*UserSettings.model_fields, "broker_type"}
    user = UserSettings.model_validate({"user_id": "anna", "venue": "kraken"})
    plain = json.loads(user.model_dump_json())
    for name, field in UserSettings.model_fields.items():
        assert FIELDS[name]["description"] == field.description
        assert field.description
        if "default" in FIELDS[name]:
            default = FIELDS[name]["default"]
            assert (Decimal(plain[name]) if name == "multiplier" else plain[name]) == default


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS, ids=[f"{f}={v!r}" for f, v in WRONG_FIELDS])
def test_what_the_bot_refuses_the_schema_refuses(field: str, value: Any) -> None:
    if value != value or value in (float("inf"), float("-inf")):
        # No editor has a value for it: it is no JSON.
        return
    assert not bot_takes({"user_id": "anna", field: value})
    assert not is_valid([{"user_id": "anna", field: value}])


@pytest.mark.parametrize(
    "entry",
    [
        {"user_id": "anna"},
        {"user_id": "anna", "broker_type": "alpaca"},
        {"user_id": "anna", "multiplier": 10, "max_user_risk": 0.1, "max_trade_usd": 0.5},
        {"user_id": "anna", "follow": None, "allowed_symbols": None, "max_user_risk": None},
        {"user_id": "anna", "quote_map": {"usd": "USDC"}, "disabled_symbols": ["doge-usd"]},
    ],
    ids=["shortest", "older name", "limits", "nulls", "any case"],
)
def test_what_the_bot_takes_the_schema_takes(entry: Any) -> None:
    assert bot_takes(entry)
    assert is_valid([entry])


@pytest.mark.parametrize(
    "entry",
    [{}, {"user_id": "anna", "colour": 1}, {"user_id": "anna", "venue": "kraken", "broker_type": "alpaca"}],
    ids=["no user_id", "unknown field", "two venues"],
)
def test_both_refuse(entry: Any) -> None:
    assert not bot_takes(entry)
    assert not is_valid([entry])


def test_the_masters_name_is_nobodys() -> None:
    assert not is_valid([{"user_id": "master"}])


def test_editors_are_told_where_the_schema_is() -> None:
    (mapped,) = json.loads((REPOSITORY / ".vscode" / "settings.json").read_text())["json.schemas"]
    assert (REPOSITORY / mapped["url"]).is_file()
