"""A ledger in a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path, clock: SetClock) -> Iterator[Ledger]:
    with Ledger(ledger_url("", path.parent), clock, busy_timeout_s=0.2, retry_s=0.05) as opened:
        yield opened
