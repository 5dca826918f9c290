"""Answers of Coinbase: small ones of our own, and recorded ones where they are at hand; keys; and a small venue."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.unit.brokers.raw_server import Arrived, Peer

_ROOT = Path(__file__).resolve().parents[3]
_OWN = json.loads((_ROOT / "tests" / "data" / "coinbase" / "bot_answers.json").read_text("utf-8"), parse_float=Decimal)
_RECORDED = _ROOT.parent / "shared" / "samples" / "coinbase"
_PREFIX = "/api/v3/brokerage"

KEY_NAME = "organizations/11111111-0000-4000-8000-000000000000/apiKeys/canary-0000-4000-8000-000000000000"


def own(name: str) -> Any:
    """An answer of ``tests/data/coinbase``, read as the client reads it."""
    return deepcopy(_OWN[name])


def recorded(name: str) -> Any:
    """The body of a recorded answer; skips where there are none."""
    path = _RECORDED / name
    if not path.exists():
        pytest.skip("recorded answers (../shared/samples) are not here")
    answer = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return answer["body"] if "_source" in answer else answer


def pem_of(key: Any) -> str:
    """A private key as Coinbase shows it."""
    form = (
        serialization.PrivateFormat.TraditionalOpenSSL
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else serialization.PrivateFormat.PKCS8
    )
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


EC_KEY = ec.derive_private_key(0x1234567890ABCDEF1234567890ABCDEF, ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECRET = pem_of(EC_KEY)


class Venue:
    """A script for :class:`tests.unit.brokers.raw_server.RawServer` that answers by path.

    Attributes:
        answers: last part of the path, or two of them -> an answer, a list of answers one after the other (the last
            one repeats), or what makes an answer of the query.
        refuse: (status, body) for a part of the path, before anything else.
        asked: path, query and body of every request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "products": own("products"),
            "ticker": own("ticker"),
            "accounts": own("accounts")[1],
            "key_permissions": own("permissions"),
            "transaction_summary": own("summary"),
            "orders": own("placed"),
            "order-1": own("bought"),
            "order-2": own("sold"),
            "fills": own("fills_bought"),
            "batch": own("orders"),
        }
        self.refuse: dict[str, tuple[str, bytes]] = {}
        self.asked: list[tuple[str, dict[str, list[str]], Any]] = []
        self.tokens: list[str] = []
        self.hold: threading.Event | None = None

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        address = urlsplit(request.path)
        path = address.path.removeprefix(_PREFIX)
        name = path.rpartition("/")[2]
        self.asked.append((path, parse_qs(address.query), json.loads(request.body or b"null")))
        self.tokens.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        if self.hold is not None:
            self.hold.wait(60)
        if name in self.refuse:
            return peer.answer(self.refuse[name][1], self.refuse[name][0])
        answer = self.answers.get(name)
        if answer is None:
            return peer.answer_json({"error": "NOT_FOUND", "message": f"no {name}"}, "404 Not Found")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(parse_qs(address.query))
        content = json.dumps(answer, default=str).encode()
        return peer.answer(content, headers="Content-Type: application/json\r\n")

    def paths(self, name: str = "") -> list[str]:
        """Every path that was asked, or those that end so."""
        return [path for path, _, _ in self.asked if path.endswith(name)]

    def queries(self, name: str) -> list[dict[str, list[str]]]:
        """The queries of every request for it."""
        return [query for path, query, _ in self.asked if path.endswith(name)]

    def bodies(self) -> list[Any]:
        """The bodies of every order."""
        return [body for path, _, body in self.asked if path == "/orders"]
