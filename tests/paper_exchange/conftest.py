"""One exchange for all tests of this folder, put back to its beginnings before each of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import localcontext

import pytest

from tests.paper_exchange.client import Paper, Trader, running
from tests.paper_exchange.coinbase_client import CoinbaseTrader, open_coinbase

_SETTINGS = {
    "latency_ms": 0,
    "read_lag_s": 0,
    "fee_rate": "0.0026",
    "fill_delay_s": 0,
    "partial_fill_probability": 0,
    "rate_limits": False,
    "public_rate_per_s": None,
    "price_interval_s": 1,
    "system_status": "online",
    "deadline_enforced": True,
    "duplicate_client_order_id": "echo",
    "clock_offset_s": 0,
}


@pytest.fixture(autouse=True)
def _own_decimals() -> Iterator[None]:
    # ccxt changes how its thread rounds, and leaves it so.
    with localcontext():
        yield


@pytest.fixture(scope="session")
def _exchange() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


@pytest.fixture
def paper(_exchange: Paper) -> Paper:
    """A quiet exchange: BTC-USD at 50,000 with a spread of 10, no faults, no rate limits."""
    _exchange.patch("/settings", **_SETTINGS)
    _exchange.delete("/faults")
    _exchange.delete("/requests")
    _exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
    _exchange.patch("/market/BTC-USD?venue=kraken", minimum_size="0.00005", minimum_cost="0.5")
    return _exchange


@pytest.fixture
def trader(paper: Paper) -> Trader:
    """A fresh account with 100,000 USD and 1 BTC."""
    return paper.open()


@pytest.fixture
def coinbase(paper: Paper) -> Paper:
    """The same exchange, with Coinbase at the recorded fee of 0.75 % and fills after 20 ms."""
    paper.patch("/settings?venue=coinbase", fee_rate="0.0075", fill_delay_s=0.02)
    paper.patch("/market/BTC-USD?venue=coinbase", minimum_size="0.00000001", minimum_cost="1")
    return paper


@pytest.fixture
def coinbase_trader(coinbase: Paper) -> CoinbaseTrader:
    """A fresh account at Coinbase with 100,000 USD and 1 BTC."""
    return open_coinbase(coinbase)
