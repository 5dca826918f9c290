"""Answers of Kraken: small ones of our own, and recorded ones where they are at hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_OWN = _ROOT / "tests" / "data" / "kraken"
_RECORDED = _ROOT.parent / "shared" / "samples" / "kraken"


def own(name: str) -> Any:
    """The ``result`` in ``tests/data/kraken``, read as the client reads it."""
    return json.loads((_OWN / name).read_text(encoding="utf-8"), parse_float=Decimal)


def recorded(name: str) -> Any:
    """The ``result`` of a recorded answer; skips where there are none."""
    return recorded_answer(name)["result"]


def recorded_answer(name: str) -> Any:
    """A whole recorded answer; skips where there are none."""
    path = _RECORDED / name
    if not path.exists():
        pytest.skip("recorded answers (../shared/samples) are not here")
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
