"""A house whose announcements are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app.live import LiveState
from bot.reporting.lines import LogAnnouncer
from bot.reporting.listening import Announcements
from bot.reporting.metrics import Metrics
from bot.runtime.clock import SystemClock
from bot.runtime.supervisor import Supervisor
from tests.integration.copying.house import House
from tests.paper_exchange.client import Paper, running


@dataclass
class CountedHouse:
    """A running house and its figures."""

    house: House
    metrics: Metrics


#: Makes one from its users and further fields; it is stopped when the test ends.
MakeCounted = Callable[..., CountedHouse]


@pytest.fixture(scope="module")
def paper() -> Iterator[Paper]:
    """A quiet exchange: BTC-USD at 50,000 with a spread of 10."""
    with running("--prices", "fixed") as exchange:
        exchange.patch("/settings", latency_ms=0, read_lag_s=0, fee_rate="0.0026", rate_limits=True)
        exchange.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
        yield exchange


@pytest.fixture
def make_counted(paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCounted]:
    houses: list[House] = []

    def make(users: dict[str, dict[str, str]], **more: Any) -> CountedHouse:
        metrics = Metrics("0.1.0", SystemClock())
        # The system says everything through one announcer; here it is told to the figures too.
        monkeypatch.setattr("bot.app.system.LogAnnouncer", lambda: Announcements(LogAnnouncer(), metrics.listener))
        house = House(paper, tmp_path, users, **more)
        houses.append(house)
        house.start()
        system = house.system
        parts = (system.manager, system.gate, system.ledger, system.emitter)
        metrics.watch(LiveState(*parts, Supervisor(), lambda: system.engine, SystemClock()))
        return CountedHouse(house, metrics)

    yield make
    paper.delete("/faults")
    for house in houses:
        house.stop()
