"""One paper exchange for the whole folder; towns live as long as a module, so that one start serves many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.town import Town
from tests.paper_exchange.client import Paper, running

_SETTINGS = {
    "latency_ms": 0,
    "read_lag_s": 0,
    "rate_limits": True,
    "system_status": "online",
    "deadline_enforced": True,
}

MakeTown = Callable[..., Town]


@pytest.fixture(scope="session")
def _exchange() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


@pytest.fixture(scope="module")
def paper(_exchange: Paper) -> Paper:
    """A quiet exchange: BTC-USD at 50,000 with a spread of 10, no faults, rate limits as at the venue."""
    _exchange.patch("/settings", **_SETTINGS)
    _exchange.delete("/faults")
    _exchange.delete("/requests")
    _exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
    return _exchange


@pytest.fixture(scope="module")
def make_town(paper: Paper, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeTown]:
    """Makes towns: users by name, each with $1,000."""
    towns: list[Town] = []

    def make(*users: str, **more: Any) -> Town:
        town = Town(paper, tmp_path_factory.mktemp("town"), dict.fromkeys(users, "1000"), **more)
        towns.append(town)
        return town

    yield make
    paper.delete("/faults")
    for town in towns:
        town.close()
