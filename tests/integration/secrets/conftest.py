"""One paper exchange, and a house on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.paper_exchange.client import Paper, running

_SETTINGS = {"latency_ms": 0, "read_lag_s": 0, "fee_rate": "0.0026", "rate_limits": True, "system_status": "online"}


@pytest.fixture(scope="session")
def paper() -> Iterator[Paper]:
    with running("--prices", "fixed") as exchange:
        exchange.patch("/settings", **_SETTINGS)
        exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
        yield exchange
