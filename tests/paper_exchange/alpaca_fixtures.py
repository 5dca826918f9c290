"""The fixtures of the tests of Alpaca."""

from __future__ import annotations

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader
from tests.paper_exchange.client import Paper


@pytest.fixture
def alpaca(paper: Paper) -> AlpacaHouse:
    """Alpaca of the exchange: BTC/USD at 50,000 with a spread of 10, fills after 20 ms, no faults, no rate limits."""
    assert paper.alpaca_url is not None
    house = AlpacaHouse(paper.alpaca_url, paper.control_url)
    house.settings(fee_rate="0.0025", fill_delay_s=0.02)
    house.market(minimum_size="0.000011905", minimum_cost="10")
    return house


@pytest.fixture
def alpaca_trader(alpaca: AlpacaHouse) -> AlpacaTrader:
    """A fresh account with 100,000 USD and 1 BTC."""
    return alpaca.open()
