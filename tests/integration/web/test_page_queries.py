"""The page's own questions to the ledger, on both kinds of database, and on a large one."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.enums import OrderState
from bot.ledger.entry import open_views, url_of
from bot.ledger.journal import Ledger
from bot.ledger.page_queries import CopyCounts, PageQueries
from tests.integration.web.large import fill, user
from tests.unit.ledger.builders import NOW, SetClock, copies_for, signal_of, users

_DAY_S = 86_400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place on each kind of database."""
    if request.param == "sqlite":
        return url_of(tmp_path / "ledger.sqlite3")
    on_server: str = request.getfixturevalue("postgresql")
    return on_server


@pytest.fixture
def queries(url: str) -> PageQueries:
    with Ledger(url, SetClock()):
        pass
    fill(url, signals=40, users=5, balance_days=10)
    return PageQueries.beside(open_views(url))


def test_copies_are_counted_once_each(queries: PageQueries) -> None:
    rows = queries.signals_before(7)
    counts = queries.copy_counts([row.signal_id for row in rows])

    assert [row.signal_id for row in rows] == [f"signal-{number:06}" for number in range(40, 33, -1)]
    for row in rows:
        one = counts[row.signal_id]
        assert one.copied + one.skipped + one.failed + one.open + one.unclear == 5
        assert one.last_ms is not None
    older = queries.signals_before(3, rows[-1].planned_at)
    assert [row.signal_id for row in older] == ["signal-000033", "signal-000032", "signal-000031"]
    assert queries.copy_counts([rows[0].signal_id[:3]]) == {rows[0].signal_id[:3]: CopyCounts()}  # type: ignore[list-item]


def test_latency_is_told_by_signal_and_over_all(queries: PageQueries, url: str) -> None:
    points, summary = queries.latency(0.0, limit=10)

    assert [point.signal_id for point in points] == [f"signal-{number:06}" for number in range(31, 41)]
    every: list[float] = []
    views = open_views(url)
    for row in queries.signals_before(40):
        times = sorted(one.milliseconds for one in views.copies_of(row.signal_id) if one.milliseconds is not None)
        every += times
        point = next((one for one in points if one.signal_id == row.signal_id), None)
        if point is not None:
            middle = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
            assert (point.first_ms, point.last_ms, point.copies) == (times[0], times[-1], len(times))
            assert point.median_ms == pytest.approx(middle)
    every.sort()
    assert (summary.signals, summary.copies, summary.max_ms) == (40, len(every), every[-1])
    assert summary.p95_ms == every[-(-95 * len(every) // 100) - 1]
    assert queries.latency(NOW + 1, 10)[1].median_ms is None


def test_fidelity_is_told_by_account(queries: PageQueries, url: str) -> None:
    rows = queries.fidelity(0.0)

    assert [row.account for row in rows] == [user(number) for number in range(5)]
    copies = [one for one in open_views(url).recent_copies(1000) if one.account == user(0)]
    filled = [one for one in copies if one.state in (OrderState.FILLED, OrderState.PARTIALLY_FILLED)]
    first = rows[0]
    assert (first.signals, first.copied) == (40, len(filled))
    assert sum(first.skipped.values()) == sum(one.state is OrderState.SKIPPED for one in copies)
    assert first.size_ratio == pytest.approx(0.00149 / 0.0015)
    slips = sorted(
        float((one.average_price / one.price - 1) * 10_000 * (1 if one.side == "buy" else -1)) for one in filled
    )
    middle = (slips[(len(slips) - 1) // 2] + slips[len(slips) // 2]) / 2
    assert first.slippage_bps == pytest.approx(middle)
    assert queries.fidelity(NOW + 1) == []


def test_balances_are_thinned_out_but_end_where_they_end(queries: PageQueries) -> None:
    everything = queries.balances(NOW - 10 * _DAY_S, NOW, 10_000)
    some = queries.balances(NOW - 10 * _DAY_S, NOW, 100)
    one = queries.balances(NOW - 10 * _DAY_S, NOW, 100, user(3))

    assert len(everything) > 4700
    assert 5 * 90 <= len(some) <= 5 * 110
    assert {row.account for row in one} == {user(3)}
    assert some[-1].at == everything[-1].at
    assert isinstance(some[-1].equity, Decimal)


def test_what_was_touched_since_a_mark(url: str) -> None:
    with Ledger(url, SetClock()) as ledger:
        queries = PageQueries.beside(ledger.views)
        first, second = signal_of("O1"), signal_of("O2", symbol="ETH-USD")
        ledger.record_plan(first, copies_for(first, users(3)))
        mark = ledger.views.history_mark()
        assert queries.signals_touched(mark, 10) == []

        ledger.record_plan(second, copies_for(second, users(3)))

        assert [row.signal_id for row in queries.signals_touched(mark, 10)] == [second.signal_id]
        assert queries.switches() == {}
        ledger.set_kill_switch("enough", "test")
        assert queries.switches()["kill"].reason == "enough"


@pytest.mark.slow
def test_a_hundred_thousand_copies_are_looked_through_quickly(tmp_path: Path) -> None:
    place = url_of(tmp_path / "ledger.sqlite3")
    with Ledger(place, SetClock()):
        pass
    fill(place, signals=1000, users=100, balance_days=3)
    views = open_views(place)
    queries = PageQueries.beside(views)
    newest = [row.signal_id for row in queries.signals_before(50)]
    # Generous by more than ten for a busy machine; without an index each of the first four would take a second.
    limits = {
        "signals": (0.2, lambda: queries.signals_before(50)),
        "counts of 50 signals": (0.2, lambda: queries.copy_counts(newest)),
        "copies in a common state": (0.2, lambda: queries.copies_before(200, None, OrderState.FILLED)),
        "touched": (0.2, lambda: queries.signals_touched(views.history_mark(), 50)),
        "latency of all": (8.0, lambda: queries.latency(0.0, 1000)),
        "fidelity of all": (12.0, lambda: queries.fidelity(0.0)),
    }
    for name, (limit_s, ask) in limits.items():
        began = time.thread_time()
        ask()
        assert time.thread_time() - began < limit_s, name
