"""Only committed, ordered, possible and recent candles decide; anything else is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import InvalidAmount, NijaError
from bot.trading_strategy import Candles, Gap, InvalidCandles
from tests.unit.trading_strategy.series import (
    MINUTE,
    START,
    SYMBOL,
    Row,
    candles_of,
    committed,
    just_closed,
    own_rows,
    recorded_rows,
    rows_of,
)

GOOD = rows_of([100.0, 101.0, 99.5, 100.5])


def at(number: int) -> int:
    return START + number * MINUTE


def changed(number: int, **values: Any) -> list[Row]:
    """The good rows with values of one of them replaced."""
    names = ("time", "open", "high", "low", "close", "volume")
    rows = list(GOOD)
    rows[number] = tuple(values.get(name, value) for name, value in zip(names, rows[number], strict=True))
    return rows


class TestTaken:
    def test_text_becomes_numbers_by_unix_seconds(self) -> None:
        rows = [(str(time), *map(str, values)) for time, *values in GOOD]

        candles = Candles.from_rows(SYMBOL, MINUTE, rows, just_closed(GOOD))

        assert list(candles.frame.columns) == ["open", "high", "low", "close", "volume"]
        assert set(candles.frame.dtypes.astype(str)) == {"float64"}
        assert (candles.frame.index.name, str(candles.frame.index.dtype)) == ("time", "int64")
        assert candles.close.to_dict() == {at(0): 100.0, at(1): 101.0, at(2): 99.5, at(3): 100.5}
        assert (len(candles), candles.gaps, candles.notes) == (4, (), ())
        assert (candles.last_time, candles.closed_at) == (at(3), at(4))

    @pytest.mark.parametrize("kind", [Decimal, float, str])
    def test_the_last_close_is_the_venues_figure(self, kind: Callable[[str], Any]) -> None:
        rows = [(START, *map(kind, ("0.00001234", "0.00001300", "0.00001200", "0.00001234", "5")))]

        assert committed(rows).last_close == Decimal("0.00001234")

    def test_a_frame_may_have_time_as_a_column_or_as_its_index_and_more_columns(self) -> None:
        frame = pd.DataFrame(GOOD, columns=["time", "open", "high", "low", "close", "volume"]).assign(vwap="x", count=3)

        by_column = Candles(SYMBOL, MINUTE, frame, just_closed(GOOD))
        by_index = Candles(SYMBOL, MINUTE, frame.set_index("time"), just_closed(GOOD))

        assert by_column.frame.equals(committed(GOOD).frame)
        assert by_index.frame.equals(committed(GOOD).frame)

    def test_a_change_of_the_frame_given_changes_no_candle(self) -> None:
        frame = pd.DataFrame(GOOD, columns=["time", "open", "high", "low", "close", "volume"]).set_index("time")
        candles = Candles(SYMBOL, MINUTE, frame, just_closed(GOOD))

        frame["close"] = 1.0

        assert candles.last_close == Decimal("100.5")

    def test_real_candles_are_taken_but_the_forming_one(self) -> None:
        rows = recorded_rows()

        candles = Candles.from_rows("BTC-USDT", MINUTE, rows, rows[-1][0] + 20)

        assert (len(rows), len(candles)) == (721, 720)
        assert candles.notes == ("left out 1 still forming",)
        assert candles.last_time == rows[-2][0]
        assert candles.last_close == Decimal(rows[-2][4])

    def test_candles_of_the_same_shape_are_taken_but_the_forming_one(self) -> None:
        rows = own_rows()

        candles = Candles.from_rows(SYMBOL, MINUTE, rows, rows[-1][0] + 20)

        assert (len(candles), candles.gaps) == (240, ())
        assert candles.last_close == Decimal(rows[-2][4])


class TestForming:
    @pytest.mark.parametrize(
        ("seconds", "kept"), [(0, 3), (59.9, 3), (60, 4)], ids=["just opened", "about to close", "closed"]
    )
    def test_a_candle_counts_from_its_closing_on(self, seconds: float, kept: int) -> None:
        candles = Candles.from_rows(SYMBOL, MINUTE, GOOD, at(3) + seconds)

        assert len(candles) == kept
        assert candles.notes == (("left out 1 still forming",) if kept == 3 else ())

    def test_its_values_matter_to_nothing(self) -> None:
        rows = changed(3, high=None, low="", close=float("nan"), volume=-1)

        assert len(Candles.from_rows(SYMBOL, MINUTE, rows, at(3) + 30)) == 3

    def test_a_clock_a_little_behind_the_venues_is_no_fault(self) -> None:
        candles = Candles.from_rows(SYMBOL, MINUTE, GOOD, at(3) - 1)

        assert (candles.last_time, candles.notes) == (at(1), ("left out 2 still forming",))


class TestGaps:
    def test_each_is_named_with_its_place_and_size(self) -> None:
        rows = [row for number, row in enumerate(rows_of([100.0] * 10)) if number not in (2, 5, 6, 7)]

        candles = committed(rows)

        assert candles.gaps == (Gap(at(1), 1), Gap(at(4), 3))
        assert candles.notes == (f"4 missing in 2 gaps, the last after {at(4)}",)

    def test_the_latest_among_the_last_candles_is_found(self) -> None:
        rows = [row for number, row in enumerate(rows_of([100.0] * 10)) if number not in (2, 6)]

        candles = committed(rows)

        # 0 1 _ 3 4 5 _ 7 8 9
        assert candles.gap_within(3) is None
        assert candles.gap_within(4) == Gap(at(5), 1)
        assert candles.gap_within(1000) == Gap(at(5), 1)
        assert candles_of([100.0] * 10).gap_within(10) is None


class TestRefused:
    @pytest.mark.parametrize(
        ("rows", "fault"),
        [
            pytest.param([], "there is no committed candle", id="none at all"),
            pytest.param(changed(2, time=at(1)), f"the candle at {at(1)} is there twice", id="repeated"),
            pytest.param(GOOD[::-1], f"the candle at {at(2)} is older than the one before it", id="newest first"),
            pytest.param(
                changed(3, time=at(3) + 1), f"the candle at {at(3) + 1} is not a multiple of 60 s", id="off the grid"
            ),
            pytest.param(changed(1, time=at(1) + 0.5), "time must be whole unix seconds, was", id="half a second"),
            pytest.param(changed(1, time="soon"), "time is no finite number, was 'soon'", id="time is a word"),
            pytest.param(changed(1, time=None), "time is no finite number, was None", id="no time"),
            pytest.param(
                changed(1, close=float("nan")), f"close of the candle at {at(1)} is no finite number, was nan", id="NaN"
            ),
            pytest.param(
                changed(1, high="Infinity"), f"high of the candle at {at(1)} is no finite number", id="infinite"
            ),
            pytest.param(changed(1, open=None), f"open of the candle at {at(1)} is no finite number", id="missing"),
            pytest.param(changed(1, volume=""), f"volume of the candle at {at(1)} is no finite number", id="empty"),
            pytest.param(changed(1, close=True), f"close of the candle at {at(1)} is no finite number", id="a bool"),
            pytest.param(
                changed(2, low=0), f"the candle at {at(2)} has a price that is not above zero", id="price of zero"
            ),
            pytest.param(
                changed(2, low=-1), f"the candle at {at(2)} has a price that is not above zero", id="price below zero"
            ),
            pytest.param(
                changed(2, high=100.9), f"the candle at {at(2)} has a high below another of its prices", id="high"
            ),
            pytest.param(
                changed(2, low=99.6), f"the candle at {at(2)} has a low above another of its prices", id="low"
            ),
            pytest.param(changed(2, volume=-0.1), f"the candle at {at(2)} has a negative volume", id="volume"),
            pytest.param(
                [*GOOD, (at(6), 1, 1, 1, 1, 1)], f"the candle at {at(6)} is after now ({at(4) + 1.5:.0f})", id="future"
            ),
            pytest.param([*GOOD[:3], GOOD[3][:5]], "row 3 of the candles has 5 values, not 6", id="short row"),
        ],
    )
    def test_the_fault_is_named(self, rows: list[Row], fault: str) -> None:
        with pytest.raises(InvalidCandles) as caught:
            Candles.from_rows(SYMBOL, MINUTE, rows, just_closed(GOOD))

        assert str(caught.value).startswith(f"BTC-USD: {fault}")
        assert isinstance(caught.value, NijaError)

    @pytest.mark.parametrize("name", ["time", "close"])
    def test_a_frame_without_a_column(self, name: str) -> None:
        frame = pd.DataFrame(GOOD, columns=["time", "open", "high", "low", "close", "volume"]).drop(columns=name)

        with pytest.raises(InvalidCandles, match=f"^BTC-USD: no column {name}$"):
            Candles(SYMBOL, MINUTE, frame, just_closed(GOOD))

    def test_only_forming_candles(self) -> None:
        with pytest.raises(InvalidCandles, match="there is no committed candle"):
            Candles.from_rows(SYMBOL, MINUTE, GOOD[:1], START + 30)

    @pytest.mark.parametrize("symbol", ["BTCUSD", "", "BTC/USD"])
    def test_a_symbol_that_is_not_canonical(self, symbol: str) -> None:
        with pytest.raises(InvalidAmount, match="expected BASE-QUOTE"):
            Candles.from_rows(symbol, MINUTE, GOOD, just_closed(GOOD))

    @pytest.mark.parametrize(
        "arguments",
        [
            pytest.param({"interval_s": 0}, id="no interval"),
            pytest.param({"now": float("nan")}, id="now is NaN"),
            pytest.param({"late_after_intervals": 0.5}, id="late before the next can come"),
            pytest.param({"late_after_intervals": float("inf")}, id="never late"),
        ],
    )
    def test_arguments_that_make_no_sense(self, arguments: dict[str, Any]) -> None:
        (name,) = arguments

        with pytest.raises(InvalidCandles, match=f"^BTC-USD: {name} must be"):
            Candles.from_rows(**{"symbol": SYMBOL, "interval_s": MINUTE, "rows": GOOD, "now": at(4)} | arguments)


class TestFrozenFeed:
    def test_a_last_candle_that_closed_too_long_ago_is_refused(self) -> None:
        closed = at(4)

        assert len(Candles.from_rows(SYMBOL, MINUTE, GOOD, closed + 120)) == 4
        with pytest.raises(InvalidCandles) as caught:
            Candles.from_rows(SYMBOL, MINUTE, GOOD, closed + 121)

        assert str(caught.value) == (
            "BTC-USD: the feed is frozen: the last committed candle closed 121 s ago, more than 120 s"
        )

    def test_a_venue_that_leaves_out_quiet_candles_may_be_given_longer(self) -> None:
        assert len(Candles.from_rows(SYMBOL, MINUTE, GOOD, at(4) + 600, late_after_intervals=10)) == 4


numbers = st.floats() | st.text(max_size=3) | st.none() | st.booleans() | st.decimals() | st.sampled_from([1.0, 2, "1"])


@given(
    st.lists(st.tuples(st.sampled_from([at(number) for number in range(4)]) | numbers, *[numbers] * 5), max_size=4).map(
        lambda rows: sorted(rows, key=lambda row: str(row[0]))
    ),
    st.integers(START, at(6)) | st.floats(),
)
def test_whatever_a_feed_sends_is_taken_or_refused_by_name(rows: list[Row], now: float) -> None:
    refused, closed_at = "", now
    try:
        closed_at = Candles.from_rows(SYMBOL, MINUTE, rows, now).closed_at
    except InvalidCandles as error:
        refused = str(error)

    assert refused.startswith(SYMBOL) or closed_at <= now
