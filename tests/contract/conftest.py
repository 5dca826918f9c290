"""One paper exchange for the contract; every venue of the table with both kinds of session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.stand import Stand
from tests.contract.venues import pair_id, pairs
from tests.paper_exchange.client import Paper, running


@pytest.fixture(scope="session")
def _exchange() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


@pytest.fixture(params=pairs(), ids=pair_id)
def stand(request: pytest.FixtureRequest, _exchange: Paper, tmp_path: Path) -> Iterator[Stand]:
    """Accounts and brokers of one venue through one kind of session."""
    venue, session = request.param
    made = Stand(venue, session, _exchange, tmp_path)
    yield made
    _exchange.delete("/faults")
    made.close()
