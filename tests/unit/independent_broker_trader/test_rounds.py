"""When a round is, and what it is decided on."""

from __future__ import annotations

import logging
import time
from collections import deque
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.errors import RateLimited, VenueUnclear
from bot.trading_strategy import Action
from tests.unit.independent_broker_trader.desk import (
    NOON,
    PATIENCE_S,
    QUARTER,
    SYMBOL,
    Desk,
    MarketTime,
    carry_out,
    opened,
    unlisted,
)

SETTLE_S = 2.0


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


@pytest.fixture(autouse=True)
def _all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nija.trader")


class TestAlignment:
    def test_the_first_round_is_at_once_and_each_further_one_right_after_a_candle(self) -> None:
        desk = Desk()

        desk.run(3)

        assert desk.venue.times == [NOON + 300, *(NOON + n * QUARTER + SETTLE_S for n in (1, 2, 3))]
        assert desk.strategy.times == [opened(0), opened(1), opened(2), opened(3)]

    def test_who_begins_later_waits_for_the_next_candle(self) -> None:
        desk = Desk(at_once=False)

        desk.run(1)

        assert desk.venue.times == [NOON + QUARTER + SETTLE_S]

    def test_no_wait_is_so_long_that_a_clock_that_is_set_goes_unnoticed(self) -> None:
        desk = Desk()

        desk.run(1)

        assert max(desk.clock.waits) <= 30.0

    def test_a_round_that_took_longer_than_a_candle_is_followed_by_the_newest_only(self) -> None:
        desk = Desk()
        desk.venue.takes_s = 2.5 * QUARTER
        desk.clock.ends_at = NOON + 4 * QUARTER
        loop = desk.loop()

        carry_out(loop)

        assert len(desk.venue.times) == 2
        assert desk.strategy.times[-1] > desk.strategy.times[0]

    def test_a_clock_that_steps_back_brings_no_candle_a_second_time(self) -> None:
        class Stepping(MarketTime):
            def wait(self, stop: Any, seconds: float) -> bool:
                ended = super().wait(stop, seconds)
                if self.time() > NOON + QUARTER + 100 and not self.stepped:
                    self.stepped = True
                    self.step_wall(-QUARTER)
                return ended

            stepped = False

        desk = Desk(Stepping())

        desk.run(2)

        assert desk.strategy.times == [opened(0), opened(1), opened(2)]


class TestTheCandle:
    def test_one_that_closes_while_it_travels_is_still_forming(self) -> None:
        desk = Desk(MarketTime(NOON + QUARTER - 1))
        desk.venue.takes_s = 1.5
        desk.clock.ends_at = NOON + QUARTER + 1

        carry_out(desk.loop())

        assert desk.strategy.times == [opened(0)]

    def test_each_symbol_has_its_turn(self) -> None:
        desk = Desk(symbols=(SYMBOL, "ETH-USD"))

        desk.run(1)

        assert [question.symbol for question in desk.venue.questions] == [SYMBOL, "ETH-USD"] * 2
        assert [symbol for symbol, _, _ in desk.strategy.seen] == [SYMBOL, "ETH-USD"] * 2

    def test_a_late_one_is_asked_for_again_with_growing_pauses(self) -> None:
        desk = Desk(at_once=False)
        desk.venue.commits_after_s = 10.0

        desk.run(1)

        first = NOON + QUARTER + SETTLE_S
        assert desk.venue.times == [first, first + 2, first + 6, first + 14]
        assert desk.strategy.times == [opened(1)]

    def test_nothing_traded_since_is_no_reason_to_wait_for_long(self) -> None:
        desk = Desk(at_once=False)
        desk.venue.frozen_at = opened(1)

        desk.run(1)

        assert desk.strategy.times == [opened(1)]
        assert desk.venue.times[-1] - desk.venue.times[0] < 20

    def test_one_that_does_not_come_is_named_and_the_round_left(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk(at_once=False)
        desk.venue.frozen_at = opened(0)

        desk.run(1)

        assert desk.strategy.times == []
        assert len(desk.venue.times) <= 8
        assert desk.venue.times[-1] - desk.venue.times[0] <= QUARTER / 4
        (line,) = lines(caplog, logging.WARNING)
        assert "BTC-USD failed: the feed is late: a candle should have closed at " in line

    def test_a_feed_that_stands_still_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.venue.frozen_at = opened(-2)

        desk.run(0)

        assert desk.strategy.times == []
        (line,) = lines(caplog, logging.WARNING)
        assert "the feed is frozen" in line

    def test_a_feed_that_stands_still_for_hours_is_named_once_and_in_every_hourly_line(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = Desk()
        desk.venue.frozen_at = opened(1)

        desk.run(9)

        assert desk.strategy.times == [opened(0), opened(1)]
        late, frozen = lines(caplog, logging.WARNING)
        assert ("is late" in late, "is frozen" in frozen) == (True, True)
        hourly = [line for line in lines(caplog) if "; candles of " in line]
        assert ["BTC-USD FAILS: the feed is " in line for line in hourly] == [True, True]

    def test_no_candles_at_all_are_named(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.venue.answers = deque([lambda _rows: []] * 20)

        desk.run(0)

        assert "there is no committed candle" in lines(caplog, logging.WARNING)[0]

    def test_one_that_is_there_twice_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.venue.answers = deque([lambda rows: [*rows[:9], *rows[8:]]] * 20)

        desk.run(0)

        assert desk.strategy.times == []
        assert "is there twice" in lines(caplog, logging.WARNING)[0]

    def test_a_gap_is_noted_and_decided_on(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.venue.answers = deque([lambda rows: rows[:9] + rows[10:]])

        desk.run(0)

        assert desk.strategy.times == [opened(0)]
        assert any("1 missing in 1 gaps" in line for line in lines(caplog, logging.DEBUG))

    @pytest.mark.parametrize(
        "error", [VenueUnclear("HTTP 503"), RateLimited("too many", 5.0)], ids=["unclear", "rate limit"]
    )
    def test_a_venue_that_does_not_answer_is_asked_again(self, error: Exception) -> None:
        desk = Desk(at_once=False)
        desk.venue.answers = deque([error, error])

        desk.run(1)

        assert len(desk.venue.times) == 3
        assert desk.strategy.times == [opened(1)]

    def test_a_rate_limit_is_waited_for(self) -> None:
        desk = Desk(at_once=False)
        desk.venue.answers = deque([RateLimited("too many", 45.0)])

        desk.run(1)

        assert desk.venue.times[1] - desk.venue.times[0] == pytest.approx(45.0)

    def test_a_symbol_that_is_not_listed_is_named_once_and_costs_no_other(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = Desk(symbols=("XYZ-USD", SYMBOL))
        desk.venue.answers = deque([unlisted("XYZ-USD"), None] * 3)

        desk.run(2)

        assert desk.strategy.times == [opened(0), opened(1), opened(2)]
        assert [line for line in lines(caplog, logging.WARNING) if "XYZ-USD" in line] == [
            "MASTER KRAKEN: XYZ-USD failed: XYZ-USD is not listed"
        ]


class TestAfterAnError:
    @pytest.mark.parametrize(
        ("where", "word"), [("strategy", "ZeroDivisionError"), ("ledger", "ZeroDivisionError"), ("broker", "OSError")]
    )
    def test_a_round_that_fails_is_one_line_and_the_next_one_comes(
        self, where: str, word: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = Desk()
        if where == "strategy":
            desk.strategy.script = {opened(0): ZeroDivisionError("of what?")}
        elif where == "ledger":
            failures = deque([ZeroDivisionError("of what?")])

            def positions() -> dict[str, Any]:
                if failures:
                    raise failures.popleft()
                return {}

            desk.positions = positions
        else:
            desk.strategy.script = {opened(0): Action.BUY}
            desk.broker.raises = OSError("no more files")

        desk.run(1)

        (line,) = lines(caplog, logging.ERROR)
        assert word in line
        assert "\n" not in line
        assert opened(1) in desk.strategy.times
        tracebacks = [record for record in caplog.records if record.exc_info]
        assert [record.levelno for record in tracebacks] == [logging.DEBUG]

    def test_what_fails_the_same_way_again_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.strategy.always = ZeroDivisionError("of what?")

        desk.run(3)

        assert len(lines(caplog, logging.ERROR)) == 1

    def test_a_thread_that_died_goes_on_with_the_next_candle(self) -> None:
        desk = Desk()
        desk.strategy.script = {opened(1): Action.BUY}
        desk.clock.ends_at = NOON + QUARTER + 400
        exits = deque([True])
        decide = desk.strategy.decide

        def dying(*arguments: Any) -> Any:
            if exits:
                exits.popleft()
                raise SystemExit("an SDK wants to end the process")
            return decide(*arguments)

        desk.strategy.decide = dying  # type: ignore[method-assign, assignment]
        loop = desk.loop()
        carry_out(loop)
        assert loop.died

        assert loop.revive()
        assert loop.join(time.monotonic() + PATIENCE_S)

        assert desk.strategy.times == [opened(1)]
        assert [order[2] for order in desk.broker.orders] == [Decimal(500)]
