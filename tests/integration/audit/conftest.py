"""A ledger in a real file, and one on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ledger.entry import url_of
from tests.integration.ledger.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.remove()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def sqlite(data: Path) -> str:
    return url_of(data / "ledger.sqlite3")


@pytest.fixture
def postgresql(server: Server) -> Iterator[str]:
    yield server.make_place("audited")
    server.execute("DROP SCHEMA audited CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found
