"""Keys, and the tokens that are signed with them."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase.tokens import TokenMaker, load_key
from bot.domain.errors import SettingsError
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.coinbase_data import EC_KEY, ED_KEY, KEY_NAME, SECRET, pem_of

NOW = 1_790_000_000
_RAW = ED_KEY.private_bytes_raw()
_PUBLIC = ED_KEY.public_key().public_bytes_raw()
PATH = "/api/v3/brokerage/orders"


def claims_of(token: str, key: Any = EC_KEY, algorithm: str = "ES256") -> dict[str, Any]:
    options: Any = {"verify_exp": False, "verify_nbf": False}
    found: dict[str, Any] = jwt.decode(token, key.public_key(), algorithms=[algorithm], issuer="cdp", options=options)
    return found


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [
        (SECRET, "ES256"),
        (SECRET.replace("\n", "\\n"), "ES256"),
        (f"\n  {SECRET}\n", "ES256"),
        (SECRET.replace("\n", "\r\n"), "ES256"),
        (SECRET.replace("\n", "\\r\\n"), "ES256"),
        (pem_of(ED_KEY), "EdDSA"),
        (base64.b64encode(_RAW).decode(), "EdDSA"),
        (base64.b64encode(_RAW + _PUBLIC).decode() + "\n", "EdDSA"),
    ],
    ids=["pem", "written-line-ends", "blanks", "crlf", "written-crlf", "ed25519-pem", "ed25519-seed", "ed25519-pair"],
)
def test_every_way_of_writing_a_key_signs_what_its_public_half_verifies(secret: str, algorithm: str) -> None:
    key = load_key(secret)
    token = TokenMaker(KEY_NAME, key, HandClock(), 7).make("POST", PATH).text
    signer = EC_KEY if algorithm == "ES256" else ED_KEY
    assert claims_of(token, signer, algorithm)["sub"] == KEY_NAME
    assert jwt.get_unverified_header(token)["alg"] == algorithm


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "canary-not-a-key",
        base64.b64encode(b"canary" * 4).decode(),
        base64.b64encode(_RAW + b"1").decode(),
        SECRET[:80],
        SECRET.replace("M", "!"),
        SECRET.replace("-----END", "----END"),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(rsa.generate_private_key(65537, 1024)),
        "-----BEGIN EC PRIVATE KEY-----\ncanary\n-----END EC PRIVATE KEY-----",
    ],
    ids=["empty", "word", "short", "long", "cut", "broken", "no-end", "p384", "rsa", "no-content"],
)
def test_what_is_no_key_is_one_clear_line_without_a_part_of_it(secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_key(secret, "daivon_frazier:coinbase")
    text = str(caught.value)
    assert text.startswith("daivon_frazier:coinbase: the COINBASE API secret is no private key")
    assert "\n" not in text
    assert "canary" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@given(st.text(max_size=200))
def test_no_text_makes_anything_but_a_key_or_that_line(secret: str) -> None:
    with pytest.raises(SettingsError):
        load_key(secret)


def test_a_token_is_for_one_method_and_path_at_the_venues_own_host_and_for_a_few_seconds() -> None:
    made = TokenMaker(KEY_NAME, EC_KEY, HandClock(), 7).make("POST", PATH)
    assert claims_of(made.text) == {
        "sub": KEY_NAME,
        "iss": "cdp",
        "nbf": NOW - 30,
        "exp": NOW + 8,
        "uri": f"POST api.coinbase.com{PATH}",
    }
    header = jwt.get_unverified_header(made.text)
    assert header["kid"] == KEY_NAME
    assert len(header["nonce"]) == 64


def test_no_two_tokens_are_the_same() -> None:
    maker = TokenMaker(KEY_NAME, EC_KEY, HandClock(), 7)
    assert jwt.get_unverified_header(maker.make("GET", PATH).text) != jwt.get_unverified_header(
        maker.make("GET", PATH).text
    )


@given(life_s=st.floats(0.1, 10_000), fraction=st.floats(0, 0.999))
def test_whatever_life_is_wished_the_venue_takes_it_and_its_end_is_told(life_s: float, fraction: float) -> None:
    clock = HandClock(int((NOW + fraction) * 1e9))
    made = TokenMaker(KEY_NAME, EC_KEY, clock, life_s).make("GET", PATH)
    claims = claims_of(made.text)
    assert claims["exp"] - claims["nbf"] <= 120
    assert claims["nbf"] <= clock.time() < claims["exp"]
    # On the clock that never steps back, and not before the venue's clock may say so.
    assert made.ends_ns / 1e9 >= claims["exp"] - clock.time() + 1.9
    assert made.ends_ns / 1e9 <= claims["exp"] - clock.time() + 4.1


@pytest.mark.parametrize("ahead", [-300, -20, 20, 300])
def test_a_machine_whose_clock_is_wrong_makes_tokens_by_the_venues(
    ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock((NOW + ahead) * 10**9)
    maker = TokenMaker(KEY_NAME, EC_KEY, clock, 7, "a:coinbase")
    for _ in range(3):
        maker.learn("Mon, 21 Sep 2026 14:13:20 GMT")
    claims = claims_of(maker.make("GET", PATH).text)
    assert claims["nbf"] + 30 <= NOW + 1
    assert NOW + 6 <= claims["exp"] <= NOW + 9
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"clock is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} Coinbase's" in line


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026", "Mon, 21 Sep 2026 14:13:19 GMT"])
def test_a_date_that_is_none_or_about_now_changes_nothing(date: str | None) -> None:
    maker = TokenMaker(KEY_NAME, EC_KEY, HandClock(), 7)
    maker.learn(date)
    assert claims_of(maker.make("GET", PATH).text)["exp"] == NOW + 8


def test_a_clock_that_was_set_right_again_is_believed_again() -> None:
    clock = HandClock((NOW + 60) * 10**9)
    maker = TokenMaker(KEY_NAME, EC_KEY, clock, 7)
    maker.learn("Mon, 21 Sep 2026 14:13:20 GMT")
    clock.step(-60 * 10**9)
    maker.learn("Mon, 21 Sep 2026 14:13:20 GMT")
    assert claims_of(maker.make("GET", PATH).text)["exp"] == NOW + 8


def test_a_maker_shows_neither_key_nor_name() -> None:
    assert repr(TokenMaker(KEY_NAME, EC_KEY, HandClock(), 7, "a:coinbase")) == "TokenMaker('a:coinbase')"
