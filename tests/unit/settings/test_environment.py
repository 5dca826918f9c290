"""The environment and .env: read once, checked, and no secret in any text."""

from __future__ import annotations

import dataclasses
import json
import os
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.domain.errors import SettingsError
from bot.settings.env import load_settings
from tests.unit.settings.helpers import MASTER_KEYS, Office, keys_of, names_of


def refusal(office: Office, **variables: str) -> str:
    """The one line that a wrong setting is refused with."""
    with pytest.raises(SettingsError) as refused:
        office.load(variables)
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


def test_without_any_setting_there_are_the_defaults_of_the_design(office: Office) -> None:
    environment = load_settings({}, None).environment
    assert environment.kraken_api_url == "https://api.kraken.com"
    assert environment.nija_data_dir == Path("data")
    assert environment.nija_users_dir == Path("config/users")
    assert environment.ledger_url == ""
    assert (environment.system_disabled, environment.observe_only) == (False, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.kraken.com",
        "https://exchange.internal:8443/base",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://[::1]:8080",
        "http://[0:0:0:0:0:0:0:1]",
    ],
)
def test_https_goes_anywhere_and_plain_http_to_this_machine(office: Office, url: str) -> None:
    assert office.load({"KRAKEN_API_URL": url}).environment.kraken_api_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.kraken.com",
        "http://10.0.0.5:8080",
        "http://192.168.1.2",
        "http://0.0.0.0",
        "http://[::]",
        "http://[fe80::1]",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://evil.example#@127.0.0.1",
        "http://2130706433",
        "HTTP://api.kraken.com",
        "ftp://127.0.0.1",
        "ws://127.0.0.1",
        "file:///etc/passwd",
        "api.kraken.com",
        "127.0.0.1:8080",
        "https://",
        "http://[::1",
        "http:///path",
    ],
)
def test_any_other_url_is_refused_and_the_setting_is_named(office: Office, url: str) -> None:
    assert "KRAKEN_API_URL" in refusal(office, KRAKEN_API_URL=url)


def test_a_password_in_a_url_is_not_repeated_in_the_refusal(office: Office) -> None:
    assert "hunter2" not in refusal(office, KRAKEN_API_URL="http://operator:hunter2@proxy.example")


def test_the_slash_at_the_end_of_a_url_is_taken_off(office: Office) -> None:
    assert office.load({"KRAKEN_API_URL": "https://a.example/"}).environment.kraken_api_url == "https://a.example"


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "on"])
def test_switches_understand_what_people_write(office: Office, text: str) -> None:
    environment = office.load({"SYSTEM_DISABLED": text, "OBSERVE_ONLY": text}).environment
    assert environment.system_disabled is True
    assert environment.observe_only is True


@pytest.mark.parametrize("name", ["SYSTEM_DISABLED", "OBSERVE_ONLY"])
@pytest.mark.parametrize("text", ["maybe", "2", "disabled", "tru"])
def test_a_switch_that_is_not_understood_stops_the_start_instead_of_being_off(
    office: Office, name: str, text: str
) -> None:
    assert name in refusal(office, **{name: text})


def test_a_blank_setting_is_the_default(office: Office) -> None:
    assert office.load({"KRAKEN_API_URL": " ", "OBSERVE_ONLY": ""}).environment.observe_only is False


SECONDS = (
    "CONNECT_TIMEOUT_S",
    "READ_TIMEOUT_S",
    "ORDER_DEADLINE_S",
    "MAX_SIGNAL_AGE_S",
    "BALANCE_REFRESH_S",
)


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "1e12", "ten", "5 s"])
def test_seconds_that_no_thread_could_wait_are_refused(office: Office, name: str, text: str) -> None:
    """An endless time-out hangs a lane, and a wait longer than the clock can count kills its thread."""
    assert name in refusal(office, **{name: text})


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e12", "ten"])
def test_a_time_to_settle_may_be_nothing_and_never_less(office: Office, text: str) -> None:
    assert office.load({"ORDER_SETTLE_S": "0"}).environment.order_settle_s == 0
    assert "ORDER_SETTLE_S" in refusal(office, ORDER_SETTLE_S=text)


@pytest.mark.parametrize(("name", "text"), [("HTTP_SESSION", "aiohttp"), ("KRAKEN_TIER", "gold"), ("LOG_LEVEL", "x")])
def test_a_choice_that_is_not_there_is_refused(office: Office, name: str, text: str) -> None:
    assert name in refusal(office, **{name: text})


def test_choices_may_be_written_in_any_case(office: Office) -> None:
    environment = office.load({"KRAKEN_TIER": "pRO", "LOG_LEVEL": "debug"}).environment
    assert (environment.kraken_tier, environment.log_level) == ("Pro", "DEBUG")


# -- .env ---------------------------------------------------------------------------------------------------------


def test_dotenv_fills_in_what_the_environment_does_not_say(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "tania"})
    office.dotenv.write_text(
        "# keys\nKRAKEN_USER_TANIA_API_KEY=file-key-0123456789\n"
        'export KRAKEN_USER_TANIA_API_SECRET="file/secret+0123456789=="\nOBSERVE_ONLY=true\nORDER_DEADLINE_S=7\n',
        encoding="utf-8",
    )
    settings = office.load({"ORDER_DEADLINE_S": "9"})
    (account,) = settings.users
    assert account.credentials.api_key.get_secret_value() == "file-key-0123456789"
    assert account.credentials.api_secret.get_secret_value() == "file/secret+0123456789=="
    assert settings.environment.observe_only is True
    assert settings.environment.order_deadline_s == 9.0


def test_dotenv_does_not_change_the_process_environment(office: Office) -> None:
    office.dotenv.write_text("KRAKEN_API_KEY=file-key\nOBSERVE_ONLY=true\n", encoding="utf-8")
    office.keep_private()
    before = dict(os.environ)
    load_settings({"NIJA_USERS_DIR": str(office.users), "KRAKEN_API_SECRET": "x"}, office.dotenv)
    assert dict(os.environ) == before


def test_a_dollar_sign_in_a_secret_is_part_of_the_secret(office: Office) -> None:
    office.dotenv.write_text("KRAKEN_API_KEY=a${HOME}b\nKRAKEN_API_SECRET=pa$$word${X}\n", encoding="utf-8")
    (master,) = office.load().masters
    assert master.credentials.api_key.get_secret_value() == "a${HOME}b"
    assert master.credentials.api_secret.get_secret_value() == "pa$$word${X}"


def test_a_dotenv_that_is_no_text_is_one_line(office: Office) -> None:
    office.dotenv.write_bytes(b"KRAKEN_API_KEY=\xff\xfe\n")
    assert str(office.dotenv) in refusal(office)


def test_without_a_dotenv_the_environment_is_enough(office: Office) -> None:
    office.write("retail_kraken.json", {"user_id": "tania"})
    assert names_of(office.load(keys_of("TANIA"))) == ["tania"]


def test_the_process_environment_is_read_where_no_other_is_given(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVE_ONLY", "1")
    monkeypatch.setenv("NIJA_USERS_DIR", str(office.users))
    assert load_settings(dotenv=None).environment.observe_only is True


# -- secrets ------------------------------------------------------------------------------------------------------


def everything_in(thing: Any) -> list[Any]:
    """A value and all that hangs on it."""
    if isinstance(thing, SecretStr | str | Enum | Path | Decimal):
        return [thing]
    if isinstance(thing, list | tuple | set | frozenset):
        inner = list(thing)
    elif isinstance(thing, dict):
        inner = [*thing, *thing.values()]
    elif dataclasses.is_dataclass(thing):
        inner = [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    else:
        inner = list(vars(thing).values()) if hasattr(thing, "__dict__") else []
    return [thing, *(deeper for one in inner for deeper in everything_in(one))]


def test_nothing_that_the_settings_return_has_a_secret_in_its_text(office: Office) -> None:
    secrets = {**MASTER_KEYS, **keys_of("TANIA", "DAIVON")}
    office.write("retail_kraken.json", {"user_id": "tania"}, {"user_id": "daivon"}, {"user_id": "keyless"})
    settings = office.load(secrets)
    things = everything_in(settings)
    assert len(settings.accounts) == 3
    assert len(things) > 20
    for thing in things:
        for text in (repr(thing), str(thing), f"{thing}", f"{thing!r:>40}", json.dumps(thing, default=str)):
            assert not any(secret in text for secret in secrets.values()), type(thing)


def test_a_ledgers_password_is_not_in_the_text_of_the_settings(office: Office) -> None:
    settings = office.load({"LEDGER_URL": "postgresql+psycopg://nija:hunter2@db/nija"})
    for thing in (settings, settings.environment):
        assert "hunter2" not in repr(thing)
        assert "hunter2" not in f"{thing}"


def test_the_text_of_a_refused_setting_has_no_secret(office: Office) -> None:
    with pytest.raises(SettingsError) as refused:
        office.load(MASTER_KEYS, {"ORDER_DEADLINE_S": "soon"})
    assert not any(secret in str(refused.value) for secret in MASTER_KEYS.values())
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
