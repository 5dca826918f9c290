"""Candles from files: what is taken, and how a fault is named."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.errors import SettingsError
from bot.simulation import read_candles
from bot.trading_strategy import Gap
from tests.unit.simulation.series import QUARTER, SHIPPED, START, SYMBOL, csv_of, seeded_rows
from tests.unit.trading_strategy.series import OWN

HEADER = "time,open,high,low,close,volume\n"
GOOD = [f"{START + number * 60},100,102,99,101,5" for number in range(4)]


def written(folder: Path, text: str, name: str = "candles.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class TestCsv:
    def test_the_shipped_file_is_what_its_generator_makes(self) -> None:
        assert SHIPPED.read_text(encoding="utf-8") == csv_of({SYMBOL: seeded_rows(2400)})

        candles = read_candles(SHIPPED)[SYMBOL]

        assert (len(candles), candles.interval_s, candles.times[0], candles.notes) == (2400, QUARTER, START, ())

    def test_columns_and_rows_may_be_in_any_order_and_symbols_mixed(self, tmp_path: Path) -> None:
        lines = [
            f"{symbol},{close},1,{close},{close},{START + number * 60},{close},x"
            for number in (2, 0, 1)
            for symbol, close in (("BTC-USD", 100 + number), ("eth-usd", 10 + number))
        ]
        path = written(tmp_path, "Symbol,Close,volume,HIGH,low,time,open,note\n" + "\n".join(lines) + "\n\n")

        found = read_candles(path)

        assert list(found) == ["BTC-USD", "ETH-USD"]
        assert found["ETH-USD"].closes.tolist() == [10.0, 11.0, 12.0]
        assert list(found["BTC-USD"].times) == [START, START + 60, START + 120]

    @pytest.mark.parametrize(
        "times",
        [
            pytest.param(["2026-09-12T08:00:00Z", "2026-09-12T08:15:00Z"], id="in UTC"),
            pytest.param(["2026-09-12 08:00", "2026-09-12 08:15"], id="without a zone"),
            pytest.param(["2026-09-12T10:00+02:00", "2026-09-12T10:15+02:00"], id="in another zone"),
            pytest.param([f"{START}.0", f"{START + 900}"], id="unix seconds"),
        ],
    )
    def test_times(self, tmp_path: Path, times: list[str]) -> None:
        path = written(tmp_path, HEADER + "".join(f"{time},1,1,1,1,1\n" for time in times))

        (candles,) = read_candles(path, "BTC-USD").values()

        assert list(candles.times) == [START, START + 900]

    def test_gaps_are_named(self, tmp_path: Path) -> None:
        path = written(tmp_path, HEADER + "\n".join(GOOD[:2] + GOOD[3:]))

        (candles,) = read_candles(path, SYMBOL).values()

        assert candles.gaps == (Gap(START + 60, 1),)
        assert candles.notes == (f"1 missing in 1 gaps, the last after {START + 60}",)

    @pytest.mark.parametrize(
        ("lines", "fault"),
        [
            pytest.param([], ": there are no candles in it", id="only a header"),
            pytest.param(GOOD[:1], ": BTC-USD needs two candles at least", id="one candle"),
            pytest.param(
                [*GOOD[:2], "soon,1,1,1,1,1"], ", line 4: time is neither unix seconds nor ISO 8601, was", id="time"
            ),
            pytest.param(
                [f"{START}000,1,1,1,1,1"], ", line 2: time must be whole unix seconds, was", id="milliseconds"
            ),
            pytest.param([*GOOD, f"{START + 240},1,1,x,1,1"], ", line 6: low is no number, was 'x'", id="a word"),
            pytest.param([*GOOD, f"{START + 240},1,1,,1,1"], ", line 6: low is no number, was ''", id="empty"),
            pytest.param([*GOOD, f"{START + 240},1,1,1"], ", line 6: has 4 values, the header has 6", id="short"),
            pytest.param([*GOOD, GOOD[1]], f", line 6: BTC-USD: the candle at {START + 60} is there twice", id="twice"),
            pytest.param(
                [*GOOD, f"{START + 240},100,99,90,95,1"],
                f", line 6: BTC-USD: the candle at {START + 240} has a high below",
                id="impossible",
            ),
            pytest.param(
                [*GOOD, f"{START + 240},nan,99,90,95,1"], ", line 6: BTC-USD: open of the candle at", id="NaN"
            ),
            pytest.param([*GOOD, f"{START + 250},1,1,1,1,1"], ", line 6: BTC-USD: the candle at", id="off the grid"),
        ],
    )
    def test_the_line_at_fault_is_named(self, tmp_path: Path, lines: list[str], fault: str) -> None:
        path = written(tmp_path, HEADER + "\n".join(lines))

        with pytest.raises(SettingsError) as caught:
            read_candles(path, SYMBOL)

        assert str(caught.value).startswith(f"{path}{fault}")

    def test_a_column_that_is_missing(self, tmp_path: Path) -> None:
        path = written(tmp_path, "time,open,high,low,volume\n1,1,1,1,1\n")

        with pytest.raises(SettingsError, match=r"line 1: no column close; expected time,open"):
            read_candles(path, SYMBOL)

    def test_whose_they_are_must_be_said(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="has no column symbol; name it: --symbol BTC-USD"):
            read_candles(written(tmp_path, HEADER + "\n".join(GOOD)))

    def test_a_symbol_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"candles\.csv: invalid symbol 'BTCUSD'"):
            read_candles(written(tmp_path, HEADER + "\n".join(GOOD)), "BTCUSD")

    @pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "no text"])
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "candles.csv"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(SettingsError, match=r"candles\.csv: cannot be read \("):
            read_candles(path, SYMBOL)


class TestKrakenAnswer:
    def test_a_recorded_answer_without_the_candle_that_was_forming(self) -> None:
        candles = read_candles(OWN)["BTC-USD"]

        rows = json.loads(OWN.read_text(encoding="utf-8"))["XXBTZUSD"]
        assert (len(candles), candles.interval_s) == (len(rows) - 1, 60)
        assert candles.last_close == Decimal(rows[-2][4])

    @pytest.mark.parametrize(
        ("name", "symbol"),
        [
            ("XXBTZUSD", "BTC-USD"),
            ("XBTUSDT", "BTC-USDT"),
            ("XDGUSD", "DOGE-USD"),
            ("XETHZUSD", "ETH-USD"),
            ("SOLUSDC", "SOL-USDC"),
            ("XRPUSD", "XRP-USD"),
            ("XXRPZUSD", "XRP-USD"),
            ("XTZUSD", "XTZ-USD"),
            ("BTC/USD", "BTC-USD"),
        ],
    )
    def test_the_pairs_name_is_understood(self, tmp_path: Path, name: str, symbol: str) -> None:
        rows = [[START + 60 * number, "1", "1", "1", "1", "1", "1", 1] for number in range(3)]
        path = written(tmp_path, json.dumps({"error": [], "result": {name: rows, "last": START + 60}}))

        assert [(found, len(candles)) for found, candles in read_candles(path).items()] == [(symbol, 2)]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            pytest.param("{", ": is not valid JSON", id="broken"),
            pytest.param("[1]", ": is no answer of Kraken's OHLC", id="a list"),
            pytest.param('{"error":["EGeneral:Internal error"]}', ": is no answer of Kraken's OHLC", id="an error"),
            pytest.param('{"XXBTZUSD": [[1, 2]]}', ", XXBTZUSD, candle 1: is not [time, open", id="short row"),
            pytest.param(
                '{"XXBTZUSD": [[60, "1", "x", "1", "1", "1", "1", 1]]}',
                ", XXBTZUSD, candle 1: high is no number",
                id="word",
            ),
            pytest.param('{"what": []}', ": which symbol is what?", id="no pair"),
        ],
    )
    def test_faults_are_named(self, tmp_path: Path, text: str, fault: str) -> None:
        path = written(tmp_path, text, "answer.json")

        with pytest.raises(SettingsError) as caught:
            read_candles(path)

        assert str(caught.value).startswith(f"{path}{fault}")
