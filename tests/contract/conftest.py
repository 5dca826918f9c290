"""One paper exchange for the contract; every venue of the table with both kinds of session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.venues import VENUES, Stand
from tests.paper_exchange.client import Paper, running

_SESSIONS = ("curl", "requests")
_SETTINGS = {"latency_ms": 0, "read_lag_s": 0, "fee_rate": "0.0026", "rate_limits": True, "system_status": "online"}


@pytest.fixture(scope="session")
def _exchange() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


@pytest.fixture
def paper(_exchange: Paper) -> Paper:
    """A quiet exchange: BTC-USD at 50,000 with a spread of 10, no faults."""
    _exchange.patch("/settings", **_SETTINGS)
    _exchange.delete("/faults")
    _exchange.delete("/requests")
    _exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online", minimum_size="0.00005")
    return _exchange


@pytest.fixture(params=itertools.product(VENUES, _SESSIONS), ids=lambda pair: f"{pair[0].venue}-{pair[1]}")
def stand(request: pytest.FixtureRequest, paper: Paper, tmp_path: Path) -> Iterator[Stand]:
    """Accounts and brokers of one venue through one kind of session."""
    venue, session = request.param
    made = Stand(venue, session, paper, tmp_path)
    yield made
    paper.delete("/faults")
    made.close()
