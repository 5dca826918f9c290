from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.brokers.departure import Departure
from bot.copying.flight import Flight


def _loaded(flight: Flight, said: list[str], count: int) -> Flight:
    for number in range(count):
        departure = Departure(
            lambda number=number: said.append(f"send {number}"),
            lambda number=number: said.append(f"go on {number}"),
            lambda number=number: said.append(f"take back {number}"),
        )
        flight._departures.append((number, departure))  # type: ignore[arg-type]
    return flight


@pytest.fixture
def parts() -> Any:
    class Coins:
        def close(self, order: Any, report: Any) -> None:
            """Nothing is counted here."""

    return [], None, None, Coins()


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("ended", [False, True])
def test_all_are_sent_once_before_any_is_waited_for_even_when_the_second_sender_has_ended(
    parts: Any, count: int, ended: bool
) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(1) as second:
        if ended:
            second.shutdown()
        flight = _loaded(Flight(*parts, second), said, count)
        flight.send()
    assert sorted(said[:count]) == [f"send {number}" for number in range(count)]
    assert said[count:] == [f"go on {number}" for number in range(count)]


def test_what_was_taken_back_is_never_sent(parts: Any) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(1) as second:
        flight = _loaded(Flight(*parts, second), said, 3)
        flight.take_back()
        flight.take_back()
        flight.send()
    assert said == ["take back 0", "take back 1", "take back 2"]
