"""The table of venues that the contract is held against; a new venue joins by one entry."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from tests.contract.alpaca import ALPACA
from tests.contract.coinbase import COINBASE
from tests.contract.kraken import KRAKEN
from tests.contract.venue import Venue

VENUES = (KRAKEN, COINBASE, ALPACA)
SESSIONS = ("curl", "requests")

Pair = tuple[Venue, str]


def pairs(applies: Callable[[Venue], bool] = lambda _: True) -> list[Pair]:
    """Every venue of the table that it applies to, with both kinds of session."""
    return list(itertools.product((venue for venue in VENUES if applies(venue)), SESSIONS))


def pair_id(pair: Pair) -> str:
    """``kraken-curl``."""
    venue, session = pair
    return f"{venue.venue}-{session}"


def only(applies: Callable[[Venue], bool]) -> pytest.MarkDecorator:
    """A test that is collected for some venues."""
    return pytest.mark.parametrize("stand", pairs(applies), ids=pair_id, indirect=True)


def each(name: str, rows: Callable[[Venue], Mapping[str, Any] | Iterable[str]]) -> pytest.MarkDecorator:
    """A test that is collected once for each row that its venue has: by its id, or each text by itself."""
    cases = []
    for venue, session in pairs():
        of_venue = rows(venue)
        named = of_venue if isinstance(of_venue, Mapping) else {text: text for text in of_venue}
        cases += [
            pytest.param((venue, session), value, id=f"{pair_id((venue, session))}-{key}")
            for key, value in named.items()
        ]
    return pytest.mark.parametrize(("stand", name), cases, indirect=["stand"])
