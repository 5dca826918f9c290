"""One paper exchange for all houses; each test has a house of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.copying.house import House
from tests.paper_exchange.client import Paper, running

_SETTINGS = {"latency_ms": 0, "read_lag_s": 0, "fee_rate": "0.0026", "rate_limits": True, "system_status": "online"}

#: Makes a house from its users and further fields; it is stopped when the test ends.
MakeHouse = Callable[..., House]


@pytest.fixture(scope="session")
def _exchange() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


@pytest.fixture
def paper(_exchange: Paper) -> Paper:
    """A quiet exchange: BTC-USD at 50,000 with a spread of 10, no faults, rate limits as at the venue."""
    _exchange.patch("/settings", **_SETTINGS)
    _exchange.delete("/faults")
    _exchange.delete("/requests")
    _exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
    return _exchange


@pytest.fixture
def make_house(paper: Paper, tmp_path: Path) -> Iterator[MakeHouse]:
    houses: list[House] = []

    def make(users: dict[str, dict[str, str]], **more: Any) -> House:
        house = House(paper, tmp_path, users, **more)
        houses.append(house)
        return house

    yield make
    paper.delete("/faults")
    for house in houses:
        house.stop()
