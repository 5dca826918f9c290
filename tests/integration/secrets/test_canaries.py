"""The search itself: a value is found in every form, and nothing else is."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.integration.secrets.canaries import Canaries

SECRET = 'kQH5HW/8p1uGOVj+gWA7FunAmGO8"lsSUXNsu3eow76sz84Q=='
PEM = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIJ0x9aKq2\\nr4uPq1zV8sY6oAoGCCqG\\n-----END EC PRIVATE KEY-----"

TEXTS = {
    "plain": f"key={SECRET}!",
    "percent": f"?key={quote(SECRET)}&",
    "form": urlencode({"key": SECRET}),
    "plus": quote_plus(SECRET),
    "json": json.dumps({"key": SECRET}),
    "json in json": json.dumps(json.dumps({"key": SECRET})),
    "repr": repr({"key": SECRET}),
    "base64": b64encode(SECRET.encode()).decode(),
    "basic": "Basic " + b64encode(f"user:{SECRET}".encode()).decode(),
    "basic with more before": "Basic " + b64encode(f"someone:{SECRET}:x".encode()).decode(),
    "base64 of another alignment": b64encode(f"ab{SECRET}".encode()).decode(),
    "url-safe base64": urlsafe_b64encode(SECRET.encode()).decode(),
    "one line of a PEM": "r4uPq1zV8sY6oAoGCCqG",
    "a PEM with its lines": PEM.replace("\\n", "\n"),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_form_is_found(text: str) -> None:
    found = Canaries({"secret": SECRET, "pem": PEM}).found_in([("a place", b"before " + text.encode() + b" behind")])
    assert len(found) == 1
    assert found[0] in ("a place: secret", "a place: pem")


def test_nothing_else_is_found() -> None:
    text = b"-----BEGIN EC PRIVATE KEY----- kraken [redacted] 6d1b345e-2821-40e2-ad83-4ecb18a06876"
    assert Canaries({"secret": SECRET, "pem": PEM}).found_in([("a place", text)]) == []
