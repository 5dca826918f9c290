from __future__ import annotations

import pytest

from tests.unit.brokers.stream.stand import VENUES, Ear, Venue


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture(params=VENUES, ids=lambda venue: str(venue.name))
def venue(request: pytest.FixtureRequest) -> Venue:
    """Each venue in turn."""
    return request.param
