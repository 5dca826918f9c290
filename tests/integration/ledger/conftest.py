"""A ledger in a real file, and one on a real server: every test that asks for a ``url`` runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from bot.ledger.entry import url_of
from bot.ledger.journal import Ledger
from tests.integration.ledger.server import Server
from tests.unit.ledger.builders import SetClock

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.remove()


@pytest.fixture
def postgresql(server: Server) -> Iterator[str]:
    """URL of a place on the server that has nothing in it yet."""
    name = f"ledger_{next(_numbers)}"
    yield server.make_place(name)
    server.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an SQLite file may be made."""
    return tmp_path / "data" / "ledger.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    """A place on each kind of database; there is no ledger yet."""
    if request.param == "sqlite":
        return url_of(path)
    on_server: str = request.getfixturevalue("postgresql")
    return on_server


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ledger(url: str, clock: SetClock) -> Iterator[Ledger]:
    with Ledger(url, clock, busy_timeout_s=0.2, retry_s=0.05) as opened:
        yield opened
