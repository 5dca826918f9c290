"""Who follows in a simulation, and who is left out and why."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.domain.ids import AccountId
from bot.simulation import made_up_users, users_who_follow

MASTER = AccountId.master(BrokerType.KRAKEN)


def folder_of(folder: Path, **files: list[dict[str, Any]]) -> Path:
    for name, users in files.items():
        (folder / f"{name}.json").write_text(json.dumps(users), encoding="utf-8")
    return folder


def test_those_who_follow_the_master_do_and_the_others_are_named(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        retail_kraken=[
            {"user_id": "ana", "max_trade_usd": 20},
            {"user_id": "ben", "enabled": False},
            {"user_id": "cem", "copy_from_master": False},
            {"user_id": "dora", "multiplier": "lots"},
        ],
        retail_alpaca=[{"user_id": "eva"}, {"user_id": "finn", "follow": "kraken"}],
    )

    users, left_out = users_who_follow(folder, MASTER, Decimal(500), {"finn": Decimal(70)})

    assert [(str(one.user.account), one.dollars) for one in users] == [("finn:alpaca", 70), ("ana:kraken", 500)]
    assert users[1].user.max_trade_usd == 20
    texts = [str(problem) for problem in left_out]
    assert len(texts) == 4
    for name, reason in (
        ("ben", "it is not enabled"),
        ("cem", "it follows nobody"),
        ("dora", "must be a number"),
        ("eva", "it follows master:alpaca, this is master:kraken"),
    ):
        assert any(name in text and reason in text for text in texts)


def test_one_file_is_enough(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        retail_kraken=[{"user_id": "ana"}],
        investor_kraken=[{"user_id": "ben"}, {"user_id": "cem", "multiplier": -1}],
    )

    users, left_out = users_who_follow(folder / "retail_kraken.json", MASTER, Decimal(1), {})

    assert [one.user.user_id for one in users] == ["ana"]
    assert left_out == []


@pytest.mark.parametrize(
    ("name", "hint"), [("anna", "did you mean ana?"), ("zoe", "there are ana")], ids=["nearly", "nobody"]
)
def test_a_sum_for_nobody_is_a_mistake(tmp_path: Path, name: str, hint: str) -> None:
    folder = folder_of(tmp_path, retail_kraken=[{"user_id": "ana"}])

    with pytest.raises(SettingsError) as caught:
        users_who_follow(folder, MASTER, Decimal(1), {name: Decimal(5)})

    assert str(caught.value) == f"--balance {name}: no such user; {hint}"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere: there is no such folder or file$"):
        users_who_follow(tmp_path / "nowhere", MASTER, Decimal(1), {})


def test_made_up_users_have_no_limits_and_names_of_their_own() -> None:
    users = made_up_users([Decimal(1000), Decimal("0.5"), Decimal(1000)], BrokerType.ALPACA)

    assert [one.dollars for one in users] == [1000, Decimal("0.5"), 1000]
    assert len({one.user.user_id for one in users}) == 3
    assert {str(one.user.master) for one in users} == {"master:alpaca"}
    assert all(one.user.multiplier == 1 and one.user.max_trade_usd is None for one in users)
