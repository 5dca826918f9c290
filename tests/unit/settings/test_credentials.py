"""Whose key is whose, and what is said when it cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.settings.credentials import master_credentials, user_credentials
from tests.unit.settings.helpers import MASTER_KEYS, Office, complaints, keys_of, names_of, the_only_complaint


def key_of(environment: dict[str, str], user_id: str, venue: BrokerType = BrokerType.KRAKEN) -> str:
    return user_credentials(environment, venue, user_id).api_key.get_secret_value()


def users(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"user_id": name, **fields} for name in names]


# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_id", "name"),
    [
        ("daivon_frazier", "DAIVON"),
        ("tania", "TANIA"),
        ("Tania.Gilbert", "TANIA"),
        ("tania-gilbert", "TANIA"),
        ("user2_x", "USER2"),
        ("7up", "7UP"),
    ],
)
@pytest.mark.parametrize("venue", BrokerType)
def test_the_first_part_of_the_user_id_names_the_key(user_id: str, name: str, venue: BrokerType) -> None:
    environment = keys_of(name, venue=venue.upper())
    found = user_credentials(environment, venue, user_id)
    assert found.api_key.get_secret_value() == f"key-of-{venue.upper()}-{name}-0123456789"
    assert found.api_secret.get_secret_value() == f"secret-of-{venue.upper()}-{name}-0123456789"
    assert found.found_as == f"{venue.upper()}_USER_{name}"


def test_the_whole_user_id_wins_over_its_first_part() -> None:
    environment = keys_of("DAIVON", "DAIVON_FRAZIER")
    assert key_of(environment, "daivon_frazier") == "key-of-KRAKEN-DAIVON_FRAZIER-0123456789"
    assert key_of(environment, "daivon") == "key-of-KRAKEN-DAIVON-0123456789"


def test_signs_in_a_user_id_become_underscores() -> None:
    assert key_of(keys_of("DAIVON_FRAZIER_2"), "daivon-frazier.2") == "key-of-KRAKEN-DAIVON_FRAZIER_2-0123456789"


def test_another_venues_key_is_not_taken() -> None:
    with pytest.raises(SettingsError, match="ALPACA_USER_TANIA_API_KEY is not set"):
        user_credentials(keys_of("TANIA"), BrokerType.ALPACA, "tania")


def test_spaces_and_line_ends_around_a_key_are_not_part_of_it() -> None:
    environment = {"KRAKEN_USER_TANIA_API_KEY": " key\n", "KRAKEN_USER_TANIA_API_SECRET": "secret\r\n"}
    found = user_credentials(environment, BrokerType.KRAKEN, "tania")
    assert (found.api_key.get_secret_value(), found.api_secret.get_secret_value()) == ("key", "secret")


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_key_is_no_key(blank: str) -> None:
    environment = {"KRAKEN_USER_TANIA_API_KEY": blank, "KRAKEN_USER_TANIA_API_SECRET": blank}
    with pytest.raises(SettingsError, match="KRAKEN_USER_TANIA_API_KEY is not set"):
        user_credentials(environment, BrokerType.KRAKEN, "tania")


def test_a_missing_key_names_both_variables_and_the_mend() -> None:
    with pytest.raises(SettingsError) as missing:
        user_credentials({}, BrokerType.KRAKEN, "daivon_frazier")
    for word in ("KRAKEN_USER_DAIVON_API_KEY", "KRAKEN_USER_DAIVON_API_SECRET", ".env"):
        assert word in str(missing.value)


@pytest.mark.parametrize(("given", "missing"), [("KEY", "SECRET"), ("SECRET", "KEY")])
@pytest.mark.parametrize("name", ["DAIVON", "DAIVON_FRAZIER"])
def test_half_a_key_is_an_error_that_names_the_other_half(name: str, given: str, missing: str) -> None:
    with pytest.raises(SettingsError, match=f"KRAKEN_USER_{name}_API_{missing} is not set") as half:
        user_credentials({f"KRAKEN_USER_{name}_API_{given}": "0123456789"}, BrokerType.KRAKEN, "daivon_frazier")
    assert "0123456789" not in str(half.value)


def test_half_a_whole_name_is_not_made_good_by_the_first_part() -> None:
    environment = keys_of("DAIVON") | {"KRAKEN_USER_DAIVON_FRAZIER_API_KEY": "0123456789"}
    with pytest.raises(SettingsError, match="KRAKEN_USER_DAIVON_FRAZIER_API_SECRET"):
        user_credentials(environment, BrokerType.KRAKEN, "daivon_frazier")


# -- masters ------------------------------------------------------------------------------------------------------


def test_the_master_has_a_newer_and_an_older_name_at_kraken() -> None:
    older = {"KRAKEN_API_KEY": "older-key", "KRAKEN_API_SECRET": "older-secret"}
    for environment, expected in ((older, "older-key"), (older | MASTER_KEYS, "master-key-0123456789")):
        found = master_credentials(environment, BrokerType.KRAKEN)
        assert found is not None
        assert found.api_key.get_secret_value() == expected


@pytest.mark.parametrize("venue", [BrokerType.COINBASE, BrokerType.ALPACA])
def test_the_other_masters_have_one_name(venue: BrokerType) -> None:
    prefix = venue.upper()
    found = master_credentials({f"{prefix}_API_KEY": "k", f"{prefix}_API_SECRET": "s"}, venue)
    assert found is not None
    assert found.found_as == prefix


def test_a_venue_without_a_master_is_no_problem(office: Office) -> None:
    settings = office.load(MASTER_KEYS)
    assert [str(account.account) for account in settings.masters] == ["master:kraken"]
    assert settings.problems == ()
    assert office.load().masters == ()


def test_half_a_masters_key_is_one_line_and_users_and_other_masters_stay(office: Office) -> None:
    office.write("retail_kraken.json", *users("tania"))
    settings = office.load(
        {"KRAKEN_MASTER_API_KEY": "half", "ALPACA_API_KEY": "k", "ALPACA_API_SECRET": "s"}, keys_of("TANIA")
    )
    line = the_only_complaint(settings)
    assert "master:kraken" in line
    assert "KRAKEN_MASTER_API_SECRET" in line
    assert [str(account.account) for account in settings.masters] == ["master:alpaca"]
    assert names_of(settings) == ["tania"]


def test_masters_are_connected_before_users(office: Office) -> None:
    office.write("retail_kraken.json", *users("tania"))
    settings = office.load(MASTER_KEYS, keys_of("TANIA"))
    assert [account.account.name for account in settings.accounts] == ["master", "tania"]


# -- users against each other -------------------------------------------------------------------------------------


def test_a_user_without_a_key_is_one_line_with_file_and_user_and_the_others_trade(office: Office) -> None:
    path = office.write("retail_kraken.json", *users("daivon_frazier", "tania"))
    settings = office.load(keys_of("TANIA"))
    line = the_only_complaint(settings)
    assert line.startswith(f"{path}: user daivon_frazier: KRAKEN_USER_DAIVON_API_KEY is not set")
    assert names_of(settings) == ["tania"]


def test_a_disabled_user_needs_no_key_and_stands_in_nobodys_way(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "daivon_jones", "enabled": False}, *users("daivon_frazier"))
    settings = office.load(keys_of("DAIVON"))
    assert settings.problems == ()
    assert names_of(settings) == ["daivon_frazier"]


@pytest.mark.parametrize("other", ["daivon_jones", "daivon", "Daivon.Jones"])
def test_two_users_that_meet_in_one_name_are_both_left_out(office: Office, other: str) -> None:
    path = office.write("retail_kraken.json", *users("daivon_frazier", other, "tania"))
    settings = office.load(keys_of("DAIVON", "TANIA"))
    lines = complaints(settings)
    assert len(lines) == 2
    for line, user, rival in zip(lines, ("daivon_frazier", other), (other, "daivon_frazier"), strict=True):
        assert line.startswith(f"{path}: user {user}: KRAKEN_USER_DAIVON_API_KEY")
        assert rival in line
    assert names_of(settings) == ["tania"]


def test_two_users_of_one_first_part_are_told_apart_by_the_whole_name(office: Office) -> None:
    office.write("retail_kraken.json", *users("daivon_frazier", "daivon_jones"))
    settings = office.load(keys_of("DAIVON", "DAIVON_JONES"))
    assert settings.problems == ()
    found = {account.account.name: account.credentials.found_as for account in settings.users}
    assert found == {"daivon_frazier": "KRAKEN_USER_DAIVON", "daivon_jones": "KRAKEN_USER_DAIVON_JONES"}


def test_user_ids_that_differ_in_signs_only_meet_in_one_name(office: Office) -> None:
    office.write("retail_kraken.json", *users("daivon_frazier", "daivon.frazier", "daivon-frazier"))
    settings = office.load(keys_of("DAIVON_FRAZIER"))
    assert len(complaints(settings)) == 3
    assert settings.users == ()


def test_the_same_name_at_two_venues_is_no_meeting(office: Office) -> None:
    office.write("retail_kraken.json", *users("tania"))
    office.write("retail_coinbase.json", *users("tania"))
    settings = office.load(keys_of("TANIA"), keys_of("TANIA", venue="COINBASE"))
    assert settings.problems == ()
    assert len(settings.users) == 2


def test_one_key_in_two_accounts_is_used_by_neither_and_told_without_the_key(office: Office) -> None:
    office.write("retail_kraken.json", *users("daivon", "tania", "zoe"))
    environment = keys_of("DAIVON", "TANIA", "ZOE")
    environment["KRAKEN_USER_TANIA_API_KEY"] = environment["KRAKEN_USER_DAIVON_API_KEY"]
    settings = office.load(environment)
    lines = complaints(settings)
    assert len(lines) == 2
    assert "KRAKEN_USER_DAIVON_API_KEY" in lines[0]
    assert "KRAKEN_USER_TANIA_API_KEY" in lines[1]
    assert not any("key-of-KRAKEN" in line for line in lines)
    assert names_of(settings) == ["zoe"]


def test_a_user_with_the_masters_key_is_left_out_and_the_master_stays(office: Office) -> None:
    """It would copy the master's trades into the master's own money."""
    office.write("retail_kraken.json", *users("daivon", "tania"))
    environment = keys_of("DAIVON", "TANIA") | {"KRAKEN_USER_DAIVON_API_KEY": MASTER_KEYS["KRAKEN_MASTER_API_KEY"]}
    settings = office.load(MASTER_KEYS, environment)
    assert "user daivon" in the_only_complaint(settings)
    assert names_of(settings) == ["tania"]
    assert len(settings.masters) == 1


def test_500_users_are_read_and_each_has_its_own_key(office: Office) -> None:
    ids = [f"user{number}_x" for number in range(500)]
    office.write("retail_kraken.json", *users(*ids))
    settings = office.load(keys_of(*(f"USER{number}" for number in range(500))))
    assert settings.problems == ()
    assert names_of(settings) == ids
    assert len({account.credentials.api_key.get_secret_value() for account in settings.users}) == 500


def test_alpacas_keys_are_for_paper_unless_told_otherwise() -> None:
    keys = keys_of("TANIA", venue="ALPACA")
    for said, paper in [({}, True), ({"PAPER": "true"}, True), ({"PAPER": " False "}, False), ({"PAPER": ""}, True)]:
        environment = keys | {f"ALPACA_USER_TANIA_{name}": value for name, value in said.items()}
        assert user_credentials(environment, BrokerType.ALPACA, "tania").paper is paper


def test_a_word_that_is_neither_true_nor_false_is_not_guessed_at() -> None:
    environment = keys_of("TANIA", venue="ALPACA") | {"ALPACA_USER_TANIA_PAPER": "live"}
    with pytest.raises(SettingsError, match="ALPACA_USER_TANIA_PAPER must be true or false, was 'live'"):
        user_credentials(environment, BrokerType.ALPACA, "tania")


def test_users_whose_master_is_not_set_up_are_one_line_that_names_the_masters_there_are(office: Office) -> None:
    office.write("retail_alpaca.json", {"user_id": "tania"}, {"user_id": "ann"}, {"user_id": "bob", "follow": "kraken"})
    office.write("retail_kraken.json", {"user_id": "tania"})
    settings = office.load(MASTER_KEYS, keys_of("TANIA", "ANN", "BOB", venue="ALPACA"), keys_of("TANIA"))
    line = the_only_complaint(settings)
    assert line.startswith("users of master:alpaca: ann, tania will copy nothing")
    assert "(kraken)" in line
    assert len(settings.users) == 4, "they stay connected: what they hold is still theirs"


@pytest.mark.parametrize("sign", ["'", '"'])
def test_quotes_that_docker_hands_on_are_no_part_of_a_key(sign: str) -> None:
    variables = {"COINBASE_API_KEY": f"{sign}key{sign}", "COINBASE_API_SECRET": f"{sign}pem{sign}"}
    found = master_credentials(variables, BrokerType.COINBASE)
    assert found is not None
    assert (found.api_key.get_secret_value(), found.api_secret.get_secret_value()) == ("key", "pem")
