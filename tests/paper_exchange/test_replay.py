"""A file of candles that is played: the venues' candle endpoints show its rows, all of them and nothing of the future.

The exchange's clock is moved by hand and no price loop runs, unless a test says so.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.core.candle_files import CandleRows, write_candles
from paper_exchange.core.candles import DAY, MINUTE, Candle, merge
from paper_exchange.core.orders import OrderStatus
from paper_exchange.core.replay import Replay
from tests.paper_exchange.client import eventually, running
from tests.paper_exchange.replay_house import (
    FILE_START,
    MINUTES,
    NOW,
    SYMBOL,
    VENUES,
    House,
    Row,
    a_file,
    buy,
    finished,
    page,
    values,
)

SPEEDS = [1.0, 60.0, 3600.0]


class TestCandlesAreTheFile:
    @pytest.mark.parametrize("venue", VENUES)
    @pytest.mark.parametrize("speed", SPEEDS)
    def test_every_row_comes_out_as_it_is(self, speed: float, venue: str) -> None:
        house = House(MINUTES, speed)
        seen: dict[int, Row] = {}
        first, last = MINUTES[0].time, MINUTES[-1].time + MINUTE + house.time.shift
        while True:
            seen |= {row[0]: row for row in house.committed(venue, since=max(seen, default=first))}
            if house.time.at(house.now) > last:
                break
            house.now += 5000 / speed

        # Kraken shows 719 finished ones; at a speed of one the start in the file depends on the time of the day.
        assert list(seen.values()) == values(MINUTES)[-len(seen) :]
        assert len(seen) >= (3000 if venue != "kraken" else 719 + 2280 if speed > 1 else 719 + 2280 - 1440)

    @pytest.mark.parametrize("venue", VENUES)
    @pytest.mark.parametrize("minutes", [5, 15, 60])
    @pytest.mark.parametrize("speed", SPEEDS)
    def test_longer_ones_merge_as_in_the_file(self, speed: float, minutes: int, venue: str) -> None:
        house = House(MINUTES, speed)
        for row in (1500, 1507, 2400, 2999):
            house.at(MINUTES[row].time + 37)
            expected = finished(MINUTES, house, minutes)

            assert house.committed(venue, minutes, FILE_START) == page(venue, expected)

    def test_days_begin_at_midnight(self) -> None:
        rows = a_file(24 * 30, 3600)
        house = House(rows, 3600.0, 3600)
        house.at(rows[-1].time)

        for venue in VENUES:
            assert house.committed(venue, 1440, FILE_START) == finished(rows, house, 1440)

    @pytest.mark.parametrize("venue", VENUES)
    def test_a_finished_candle_is_there_at_once_and_not_before(self, venue: str) -> None:
        house = House(MINUTES, 10_000.0)
        house.at(MINUTES[1000].time + MINUTE)
        assert house.committed(venue, since=MINUTES[1000].time) == values(MINUTES[1000:1001])

        house.now -= 0.001
        assert house.committed(venue, since=MINUTES[1000].time) == []

    @pytest.mark.parametrize("venue", VENUES)
    def test_numbers_finer_than_the_venue_s_are_shown(self, venue: str) -> None:
        fine = [
            replace(row, close=row.close + Decimal("0.00123"), high=row.high + 1, volume=Decimal("0.123456789"))
            for row in MINUTES[:200]
        ]
        house = House(fine, 60.0)
        house.at(fine[150].time)

        assert house.committed(venue, since=FILE_START) == values(fine[:150])

    def test_trades_in_between_change_nothing(self) -> None:
        quiet, busy = House(MINUTES, 60.0), House(MINUTES, 60.0)
        for house in (quiet, busy):
            house.at(MINUTES[1000].time + 20)
        for venue in busy.venues.values():
            exchange = venue.exchange
            exchange.market.step(busy.now)
            exchange.market.set_price(SYMBOL, Decimal(200_000))
            order = buy(exchange, busy.now)
            assert order.state.status is OrderStatus.CLOSED
            assert abs(order.closed_at - busy.now) < 1

        for venue in VENUES:
            for minutes in (1, 15):
                assert busy.shown(venue, minutes, FILE_START) == quiet.shown(venue, minutes, FILE_START)


class TestForming:
    ROW = Candle(FILE_START + 60_000, Decimal(100), Decimal(120), Decimal(90), Decimal(110), Decimal(8))

    def house(self, row: Candle) -> House:
        rows = [*MINUTES[:1000], row, *MINUTES[1001:]]
        return House(rows, 60.0)

    @pytest.mark.parametrize("venue", VENUES)
    @pytest.mark.parametrize(
        ("second", "expected"),
        [
            (0, (100, 100, 100, 100, 2)),
            (15, (100, 100, 90, 90, 4)),
            (44, (100, 120, 90, 120, 6)),
            (45, (100, 120, 90, 110, 8)),
        ],
    )
    def test_shows_what_has_happened(self, second: int, expected: tuple[int, ...], venue: str) -> None:
        house = self.house(self.ROW)
        house.at(self.ROW.time + second)

        assert house.shown(venue, since=self.ROW.time) == [(self.ROW.time, *expected)]

    def test_a_falling_one_sees_its_high_first(self) -> None:
        house = self.house(replace(self.ROW, open=Decimal(110), close=Decimal(100)))
        house.at(self.ROW.time + 15)

        assert house.shown("kraken", since=self.ROW.time)[0][1:5] == (110, 120, 110, 120)

    @pytest.mark.parametrize("venue", VENUES)
    def test_a_longer_one_holds_its_minutes(self, venue: str) -> None:
        house = House(MINUTES, 60.0)
        house.at(MINUTES[1000].time + 20)
        start = MINUTES[1000].time // 900 * 900
        minutes = [row for row in house.shown(venue, since=start) if row[0] >= start]

        (forming,) = house.shown(venue, 15, start)

        assert forming[0] == start
        assert (forming[1], forming[4]) == (minutes[0][1], minutes[-1][4])
        assert forming[2] == max(row[2] for row in minutes)
        assert forming[5] == sum(row[5] for row in minutes)

    @settings(deadline=None, max_examples=60)
    @given(
        speed=st.one_of(st.sampled_from([1.0, 60.0, 3600.0, 10_000.0]), st.floats(0.01, 10_000)),
        share=st.floats(0, 1.1),
        opened_at=st.floats(NOW, NOW + 3 * DAY),
        venue=st.sampled_from(VENUES),
        minutes=st.sampled_from([1, 5, 15, 60]),
    )
    def test_never_tells_the_future(
        self, speed: float, share: float, opened_at: float, venue: str, minutes: int
    ) -> None:
        rows = MINUTES[:1600]
        house = House(rows, speed, now=opened_at)
        assert house.time.ends_at is not None
        house.now += share * (house.time.ends_at - house.time.began_at) / speed
        moment = house.time.at(house.now) - house.time.shift
        other = House([_changed(row) if row.time > moment else row for row in rows], speed, now=opened_at)
        other.now = house.now

        seen = house.shown(venue, minutes, FILE_START)

        assert seen == other.shown(venue, minutes, FILE_START)
        assert page(venue, house.committed(venue, minutes, FILE_START)) == page(venue, finished(rows, house, minutes))
        assert all(row[0] <= moment for row in seen)


def _changed(row: Candle) -> Candle:
    return Candle(row.time, row.open * 2, row.high * 2, row.low * 2, row.close * 2, row.volume * 3)


GAPPY = [row for number, row in enumerate(MINUTES[:300]) if not 200 <= number < 210]


class TestGaps:
    def test_kraken_fills_them(self) -> None:
        house = House(GAPPY, 60.0)
        house.at(MINUTES[211].time)

        rows = house.committed("kraken", since=MINUTES[199].time)

        close = MINUTES[199].close
        assert rows[0] == values(MINUTES)[199]
        assert rows[1:11] == [(MINUTES[n].time, close, close, close, close, 0) for n in range(200, 210)]
        assert rows[11:] == values(MINUTES)[210:211]

    @pytest.mark.parametrize("venue", ["coinbase", "alpaca"])
    def test_others_leave_them(self, venue: str) -> None:
        house = House(GAPPY, 60.0)
        house.at(MINUTES[211].time)

        rows = house.committed(venue, since=MINUTES[199].time)

        assert rows == [values(MINUTES)[199], values(MINUTES)[210]]

    def test_the_price_stays_at_the_close(self) -> None:
        house = House(GAPPY, 60.0)
        for second in (45, 60, 300):
            house.at(MINUTES[199].time + second)
            house.step()
            assert house.market.quotes[SYMBOL].price == MINUTES[199].close
        house.at(MINUTES[210].time)
        house.step()
        assert house.market.quotes[SYMBOL].price == MINUTES[210].open


class TestEnd:
    @pytest.mark.parametrize("venue", VENUES)
    @pytest.mark.parametrize("minutes", [1, 15])
    def test_no_candle_comes_after_the_last(self, minutes: int, venue: str) -> None:
        house = House(MINUTES, 3600.0)
        house.at(MINUTES[-1].time + 10 * DAY)

        rows = house.shown(venue, minutes, FILE_START)

        whole = values(merge(MINUTES, minutes * MINUTE))
        assert rows == (whole[-720:] if venue == "kraken" else whole)

    def test_prices_stay(self) -> None:
        house = House(MINUTES, 3600.0)
        house.at(MINUTES[-1].time + 10 * DAY)
        house.step()
        assert house.market.quotes[SYMBOL].price == MINUTES[-1].close
        tape = list(house.market.quotes[SYMBOL].tape)

        house.now += 100
        house.step()

        assert list(house.market.quotes[SYMBOL].tape) == tape

    def test_kraken_calls_the_last_one_finished(self) -> None:
        house = House(MINUTES, 3600.0)
        last = []
        for file_time in (MINUTES[-1].time + 30, MINUTES[-1].time + 60):
            house.at(file_time)
            answer = house.ask(house.venues["kraken"].app(), "/0/public/OHLC", pair="XBTUSD")
            last.append(answer["result"]["last"] - house.time.shift)

        assert last == [MINUTES[-2].time, MINUTES[-1].time]

    def test_the_other_calls_go_on(self) -> None:
        house = House(MINUTES, 3600.0)
        house.at(MINUTES[-1].time + 10 * DAY)
        kraken, alpaca = house.venues["kraken"].app(), house.venues["alpaca"].app()

        ticker = house.ask(kraken, "/0/public/Ticker", pair="XBTUSD")["result"]["XXBTZUSD"]
        snapshot = house.ask(alpaca, "/v1beta3/crypto/us/snapshots", symbols="BTC/USD,ETH/USD")["snapshots"]

        assert Decimal(ticker["o"]) == MINUTES[-1].close
        assert snapshot["BTC/USD"]["minuteBar"]["c"] == MINUTES[-1].close


class TestQuotes:
    def test_follow_open_low_high_close(self) -> None:
        house = House(MINUTES, 60.0)
        row = next(row for row in MINUTES[1000:] if row.close > row.open)
        seen = []
        for second in (0, 15, 30, 45):
            house.at(row.time + second)
            house.step()
            seen.append(house.market.quotes[SYMBOL].price)

        assert seen == [row.open, row.low, row.high, row.close]

    def test_resting_orders_meet_the_prices_between_two_steps(self) -> None:
        house = House(MINUTES, 3600.0)
        house.at(MINUTES[1000].time)
        house.step()
        exchange = house.venues["kraken"].exchange
        lowest = min(row.low for row in MINUTES[1001:1010])
        assert lowest < MINUTES[1010].open
        order = buy(exchange, house.now, lowest + 20)
        assert order.state.status is OrderStatus.OPEN

        house.at(MINUTES[1010].time)
        house.step()

        assert order.state.status is OrderStatus.CLOSED
        assert abs(order.closed_at - house.now) < 1

    def test_a_price_set_by_hand_lasts_until_the_file_trades_again(self) -> None:
        house = House(MINUTES, 60.0)
        house.at(MINUTES[1000].time + 1)
        house.step()
        house.market.set_price(SYMBOL, Decimal(90_000))
        house.at(MINUTES[1000].time + 14)
        house.step()
        assert house.market.quotes[SYMBOL].price == 90_000

        house.at(MINUTES[1000].time + 15)
        house.step()
        assert house.market.quotes[SYMBOL].price != 90_000

    def test_a_market_that_is_held_moves_no_price_but_makes_candles(self) -> None:
        house = House(MINUTES, 60.0)
        first = house.market.quotes[SYMBOL].price
        house.market.held = True
        house.at(MINUTES[1000].time)
        house.step()

        assert house.market.quotes[SYMBOL].price == first
        assert house.committed("kraken", since=MINUTES[999].time) == values(MINUTES[999:1000])


class TestMarketTime:
    @pytest.mark.parametrize("speed", [0.5, 1.0, 60.0, 10_000.0])
    def test_what_the_control_api_tells(self, speed: float) -> None:
        house = House(MINUTES, speed)
        house.now += 12.5

        told = {name: float(value) for name, value in house.control("/market-time").items()}

        assert told.keys() == {"started_at", "speed", "time", "shift", "began_at", "ends_at"}
        assert told["speed"] == speed
        formula = told["started_at"] + (house.now - told["started_at"]) * speed
        assert told["time"] == pytest.approx(formula, abs=0.02)
        assert told["time"] == pytest.approx(told["began_at"] + 12.5 * speed, abs=0.02)
        assert told["ends_at"] == MINUTES[-1].time + MINUTE + told["shift"]

    def test_without_a_file_it_is_the_exchange_s_time(self) -> None:
        with running("--prices", "fixed") as paper:
            paper.patch("/settings", clock_offset_s=1000)
            told, now = paper.get("/market-time"), paper.get("/health")["time"]

        assert (told["speed"], told["shift"], told["ends_at"]) == (1, 0, None)
        assert now - 5 < told["time"] <= now

    @settings(deadline=None)
    @given(speed=st.floats(0.001, 10_000), opened_at=st.floats(1.6e9, 2.2e9), rows=st.integers(1, 3000))
    def test_starts_in_the_second_half_and_keeps_all_boundaries(
        self, speed: float, opened_at: float, rows: int
    ) -> None:
        time = Replay({SYMBOL: CandleRows(MINUTE, MINUTES[:rows])}, speed, opened_at).time
        first = MINUTES[min(720, rows // 2)].time

        if speed == 1:
            assert first <= time.began_at - time.shift < first + DAY
            assert time.began_at == opened_at
        else:
            assert time.shift % DAY == 0
            assert time.began_at - time.shift == first
            assert 0 <= time.began_at - opened_at < DAY
        assert time.shift % MINUTE == 0

    @pytest.mark.parametrize(
        ("rows", "whole"), [(10, MINUTE), (100, 15 * MINUTE), (1000, 4 * 3600), (5000, DAY)], ids=str
    )
    def test_at_real_speed_it_is_real_time(self, rows: int, whole: int) -> None:
        house = House(a_file(rows), 1.0)
        house.now += 100

        assert house.time.at(house.now) == house.now
        assert house.time.started_at == house.opened_at
        assert house.time.shift % whole == 0

    def test_symbols_of_one_file_are_moved_alike(self) -> None:
        ether = a_file(2500, symbol="ETH-USD")
        house = House(MINUTES, 60.0, **{"ETH-USD": CandleRows(MINUTE, ether)})
        house.at(MINUTES[1500].time)
        house.step()

        answer = house.ask(house.venues["kraken"].app(), "/0/public/OHLC", pair="ETHUSD")["result"]

        last = answer["XETHZUSD"][-2]
        assert (last[0] - house.time.shift, Decimal(last[4])) == (ether[1499].time, ether[1499].close)
        assert house.market.quotes["ETH-USD"].price == ether[1500].open

    def test_symbols_that_are_not_in_the_file_live_in_the_same_time(self) -> None:
        house = House(MINUTES, 3600.0)
        house.at(MINUTES[2000].time)

        rows = house.ask(house.venues["kraken"].app(), "/0/public/OHLC", pair="ETHUSD")["result"]["XETHZUSD"]

        assert len(rows) == 720
        assert rows[-1][0] - house.time.shift == MINUTES[2000].time
        assert Decimal(rows[-1][4]) == house.market.quotes["ETH-USD"].last


class TestOtherIntervals:
    def test_shorter_ones_than_the_file_s_never_change_once_finished(self) -> None:
        quarters = a_file(200, 900)
        house = House(quarters, 60.0, 900)
        seen: dict[int, Row] = {}
        for second in range(0, 3000, 100):
            house.at(quarters[120].time + second)
            rows = house.committed("kraken", since=quarters[120].time)
            assert all(seen.get(row[0], row) == row for row in rows)
            seen |= {row[0]: row for row in rows}

        first = [row for row in seen.values() if row[0] < quarters[121].time]
        assert len(first) == 15
        # The first minute holds the first of the quarter's four trades and nothing of what comes later.
        assert first[0][1:] == (*[quarters[120].open] * 4, quarters[120].volume / 4)
        assert first[-1][4] == quarters[120].close
        assert max(row[2] for row in first) == quarters[120].high
        assert sum(row[5] for row in first) == quarters[120].volume


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    path = tmp_path / "candles.csv"
    with path.open("w") as file:
        write_candles(file, {SYMBOL: MINUTES[:1000]})
    return path


class TestProcess:
    def test_days_pass_in_a_moment(self, candles: Path) -> None:
        with running("--prices", str(candles), "--replay-speed", "10000") as paper:
            told = paper.get("/market-time")
            assert paper.get("/settings")["price_interval_s"] == 0.01
            seen: dict[int, list[Any]] = {}

            def has_ended() -> bool:
                for row in paper.public("OHLC", pair="XBTUSD")["result"]["XXBTZUSD"][:-1]:
                    seen.setdefault(row[0], row)
                    assert seen[row[0]] == row
                return bool(paper.get("/market-time")["time"] > told["ends_at"])

            eventually(has_ended, 60)
            eventually(lambda: Decimal(paper.get("/market")[SYMBOL]["price"]) == MINUTES[999].close)
            rows = paper.public("OHLC", pair="XBTUSD")["result"]["XXBTZUSD"]

        expected = {row[0]: row for row in values(MINUTES[:1000], told["shift"])}
        for time, *prices, _, volume, _ in [*seen.values(), *rows]:
            assert (time, *map(Decimal, prices), Decimal(volume)) == expected[time]
        assert rows[-1][0] == told["ends_at"] - MINUTE
