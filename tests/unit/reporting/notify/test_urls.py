"""What is said of a notification URL, and what never is."""

from __future__ import annotations

import pytest

from bot.reporting.notify import make_channels, secret_parts
from bot.reporting.notify.urls import label_of
from bot.settings.redaction import Redactor

TELEGRAM = "tgram://123456789:AAFabcdefghijklmnopqrstuvwxyz012345/-1001234567890"
#: A URL, and what of it must not be seen anywhere.
SECRETS = [
    pytest.param(TELEGRAM, ["AAFabcdefghijklmnopqrstuvwxyz012345", "123456789", "1001234567890"], id="telegram"),
    pytest.param("discord://1111222233334444/aBcDeFgHiJkLmNoP_qRs", ["aBcDeFgHiJkLmNoP_qRs"], id="discord"),
    pytest.param("mailto://nia:pa%40ss9@mail.example.com?to=x@y.example", ["pa%40ss9", "pa@ss9"], id="mail"),
    pytest.param("ntfy://averysecrettopic", ["averysecrettopic"], id="a topic of small letters"),
    pytest.param("json://h.example.com/hook?key=tok3nValue", ["tok3nValue"], id="a query"),
    pytest.param("ifttt://aBcD.EfGhIj.kLmNo@Event", ["aBcD.EfGhIj.kLmNo"], id="a token with dots"),
    pytest.param("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", ["T1JJ3T3L2", "A1BRTD4JD"], id="slack"),
]


@pytest.mark.parametrize(("url", "secrets"), SECRETS)
def test_every_part_that_may_be_a_token_is_masked(url: str, secrets: list[str]) -> None:
    redactor = Redactor()
    for part in secret_parts(f"  {url}\n json://other.example.com "):
        redactor.register(part)
    line = redactor.redact(f"{url} | " + " | ".join(f"bot{one}/send" for one in secrets))
    assert not [one for one in secrets if one in line]


def test_what_everybody_may_read_is_not_masked() -> None:
    redactor = Redactor()
    for part in secret_parts("json://hooks.example.com:8080/kraken/notify mailtos://nia:longpassword@127.0.0.1"):
        redactor.register(part)
    line = "kraken.example.com answered at hooks.example.com and 127.0.0.1: notify nia"
    assert redactor.redact(line) == line


@pytest.mark.parametrize(("url", "secrets"), SECRETS)
def test_a_channel_is_spoken_of_by_place_and_scheme(url: str, secrets: list[str]) -> None:
    (channel,) = make_channels(url)
    said = f"{channel.label} {channel.shown} {channel!r}"
    assert channel.usable
    assert channel.label == f"channel 1 ({url.partition('://')[0]}://)"
    assert not [one for one in secrets if one in said]


def test_the_host_is_shown_where_it_is_one() -> None:
    json, telegram = make_channels(f"json://hooks.example.com/aToken123456 {TELEGRAM}")
    assert json.shown.endswith("hooks.example.com")
    assert telegram.shown == "Telegram"


@pytest.mark.parametrize("url", ["whatsup://secret123456", "secretsecret123", "json://", "tgram://short"])
def test_a_url_that_is_not_understood_is_said_without_it(url: str) -> None:
    _, channel = make_channels(f"json://hooks.example.com {url}")
    assert not channel.usable
    assert channel.label.startswith("channel 2 (")
    assert "secret" not in channel.label + channel.shown


def test_what_is_no_scheme_is_not_said() -> None:
    assert label_of(3, "secretsecret123") == "channel 3 (no scheme://)"
