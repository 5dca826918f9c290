"""No known secret and no signature gets out, in whatever clothes."""

from __future__ import annotations

import base64
import json
import threading
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings.redaction import Redactor

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
PEM = (
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIBKuPPbU0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL\n"
    "AwEHoUQDQgAE9876543210zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLK==\n"
    "-----END EC PRIVATE KEY-----\n"
)
PEM_LINES = PEM.splitlines()[1:3]

base64_text = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", min_size=12, max_size=88)


def redactor_of(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


SURROUNDINGS = [
    "{}",
    "key={}",
    "api_key={}&nonce=1",
    "'{}'",
    '"{}"',
    "({})",
    "[{}]",
    "a{}b",
    "x" * 500 + "{}" + "y" * 500,
    "two of them: {} {}",
    "{}{}",
    "https://user:{}@host/path",
    "KeyError: '{}'\n  File \"x.py\", line 1",
    "\t{}\r\n",
]


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("secret", [SECRET, "short", "exactly-12ch", "with space in it", 'a"quoted"secret-value'])
def test_a_secret_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    text = around.replace("{}", secret)
    masked = redactor_of(secret).redact(text)
    assert secret not in masked
    assert "[redacted]" in masked


def test_what_stands_around_a_secret_stays() -> None:
    assert redactor_of(SECRET).redact(f"order of {SECRET}, failed") == "order of [redacted], failed"


@pytest.mark.parametrize(
    "dressed",
    [
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"key": SECRET}),
        json.dumps({"key": SECRET}),
        repr({"key": SECRET}),
        repr(SECRET.encode()),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_however_it_is_written(dressed: str) -> None:
    masked = redactor_of(SECRET).redact(f"sent {dressed} to the venue")
    assert "[redacted]" in masked
    for part in (SECRET[:20], SECRET[-20:], quote(SECRET, safe="")[-20:]):
        assert part not in masked


@pytest.mark.parametrize("secret", ['a"b\\c-0123456789', "ümläut-secret-0123", "tab\tand\nline-0123456789"])
def test_signs_that_json_escapes_do_not_help_a_secret_out(secret: str) -> None:
    masked = redactor_of(secret).redact(json.dumps({"event": f"failed with {secret}"}))
    assert json.dumps(secret)[1:-1] not in masked
    assert "0123456789" not in masked.replace("ümläut-secret-0123", "")


@pytest.mark.parametrize(
    "dressed",
    [PEM, PEM.replace("\n", "\\n"), repr(PEM), json.dumps({"secret": PEM}), PEM.replace("\n", "\r\n"), PEM_LINES[1]],
)
@pytest.mark.parametrize("registered", [PEM, PEM.replace("\n", "\\n")])
def test_a_key_in_several_lines_is_masked_line_by_line_too(registered: str, dressed: str) -> None:
    """Coinbase's keys are PEM; in an environment they have real line ends or written ones."""
    masked = redactor_of(registered).redact(f"cannot load {dressed}")
    for line in PEM_LINES:
        assert line not in masked
        assert line[12:40] not in masked


@given(st.lists(base64_text, min_size=1, max_size=8), st.data())
def test_no_registered_secret_is_left_in_a_line_that_has_them_all(secrets: list[str], data: st.DataObject) -> None:
    redactor = redactor_of(*secrets)
    separator = data.draw(st.sampled_from(["", " ", "&", "/", "=", '","']))
    masked = redactor.redact(separator.join(secrets))
    for secret in secrets:
        assert secret not in masked.replace("[redacted]", " ")


@given(st.text(max_size=200))
def test_a_text_without_secrets_and_headers_stays_as_it_is(text: str) -> None:
    if "-" not in text:
        assert redactor_of(SECRET).redact(text) == text


def test_of_two_secrets_that_begin_alike_the_longer_one_is_masked_whole() -> None:
    short, long = "abcdefghijklmnop", "abcdefghijklmnop-and-the-rest"
    for order in ((short, long), (long, short)):
        assert redactor_of(*order).redact(f"<{long}> <{short}>") == "<[redacted]> <[redacted]>"


def test_a_short_secret_inside_a_long_one_does_not_keep_the_rest_of_it_visible() -> None:
    masked = redactor_of("abcd", "0123abcd4567890123456789").redact("0123abcd4567890123456789")
    assert "4567890123456789" not in masked


def test_an_empty_value_masks_nothing() -> None:
    assert redactor_of("").redact("nothing to hide") == "nothing to hide"


SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS1yZXF1ZXN0LW5vYm9keS1yZWdpc3RlcmVk/w=="


@pytest.mark.parametrize("header", ["API-Key", "API-Sign", "Authorization", "api-sign", "APCA-API-SECRET-KEY"])
@pytest.mark.parametrize(
    "line",
    [
        "{}: {}",
        "{}:{}",
        "{}={}",
        "'{}': '{}'",
        "'{}': b'{}'",
        "b'{}': b'{}'",
        '"{}": "{}"',
        '\\"{}\\": \\"{}\\"',
        "('{}', '{}')",
        "(b'{}', b'{}')",
        "{}: Bearer {}",
        "'{}': 'Bearer {}'",
        "{}: Basic {}",
    ],
)
def test_what_stands_behind_a_header_that_carries_keys_is_masked_although_nobody_registered_it(
    header: str, line: str
) -> None:
    text = "sent {" + line.format(header, SIGNATURE) + ", 'User-Agent': 'x'}"
    masked = redactor_of().redact(text)
    assert SIGNATURE not in masked
    assert SIGNATURE[20:40] not in masked
    assert header in masked
    assert "User-Agent" in masked


def test_every_header_of_a_dump_is_masked() -> None:
    dump = repr({"API-Key": "first-key-value", "API-Sign": SIGNATURE, "Content-Type": "application/json"})
    masked = redactor_of().redact(f"{dump} {dump}")
    assert "first-key-value" not in masked
    assert SIGNATURE not in masked
    assert masked.count("application/json") == 2


def test_500_users_cost_a_line_about_as_much_as_five() -> None:
    lines = [
        f"user{number} bought 0.0{number} BTC-USD order O{number}-ABCDEF-GHIJKL after 12 ms" for number in range(50)
    ]

    def seconds(users: int) -> float:
        redactor = redactor_of(*(f"{number:05d}{SECRET}{number}" for number in range(2 * users)))
        best = float("inf")
        for _ in range(5):
            begin = time.perf_counter()
            for line in lines:
                redactor.redact(line)
            best = min(best, time.perf_counter() - begin)
        return best

    assert seconds(500) < 10 * seconds(5) + 0.001


def test_secrets_may_be_registered_while_lines_are_written() -> None:
    redactor = redactor_of(SECRET)
    faults: list[Exception] = []
    ready = threading.Barrier(3)

    def register() -> None:
        ready.wait(10)
        for number in range(300):
            redactor.register(f"s{number}")
            redactor.register(f"{SECRET[:12]}-{number:05d}")

    def write() -> None:
        ready.wait(10)
        try:
            for _ in range(600):
                assert SECRET not in redactor.redact(f"x {SECRET} y")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for work in (register, write, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
