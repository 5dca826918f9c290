"""The picture: a PNG of a size to look at, for few users and for many, for many candles and for one trade or none."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.domain.errors import SettingsError
from bot.simulation import draw
from bot.simulation.curves import closings, deepest, drawdown, equity_curve, hold_curve
from tests.unit.simulation.series import QUARTER, START
from tests.unit.simulation.stage import Acts, played, user

D = Decimal
WAVES = [60_000.0 + 5_000 * (number % 9) for number in range(60)]
OFTEN: Acts = [D("0.05") if number % 4 == 0 else D(-1) if number % 4 == 2 else None for number in range(60)]


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert head[12:16] == b"IHDR"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize(
    ("closes", "acts", "count"),
    [
        pytest.param(WAVES, OFTEN, 1, id="one user"),
        pytest.param(WAVES, OFTEN, 30, id="thirty users"),
        pytest.param(WAVES, OFTEN, 0, id="nobody follows"),
        pytest.param(WAVES[:2], [], 2, id="no trade"),
        pytest.param(WAVES * 80, OFTEN * 80, 2, id="thousands of candles"),
    ],
)
def test_it_is_a_png_of_a_size_to_look_at(tmp_path: Path, closes: Sequence[float], acts: Acts, count: int) -> None:
    path = tmp_path / "simulation.png"

    draw(played(closes, acts, *(user(f"user{number}") for number in range(count))), path)

    width, height = size_of(path)
    assert 1000 <= width <= 2500
    assert 700 <= height <= 1500
    assert 10_000 < path.stat().st_size < 1_000_000


def test_one_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--out .*simulation\.png: cannot be written \(No such file"):
        draw(played(WAVES, OFTEN), tmp_path / "nowhere" / "simulation.png")


class TestCurves:
    RESULT = staticmethod(
        lambda: played(
            [50_000.0, 100_000.0, 50_000.0, 60_000.0], [D("0.1"), None, D("-0.5")], spread=D(0), fee_rate=D(0)
        )
    )

    def test_equity_is_money_and_coins_at_each_close(self) -> None:
        result = self.RESULT()

        assert closings(result).tolist() == [START + QUARTER * number for number in (1, 2, 3, 4)]
        # 0.02 BTC, of which half is sold at 50,000
        assert equity_curve(result, result.master) == pytest.approx([1.0, 1.1, 1.0, 1.01])
        assert hold_curve(result) == pytest.approx([1.0, 2.0, 1.0, 1.2])

    def test_a_drawdown_is_measured_from_the_highest_so_far(self) -> None:
        curve = np.array([1.0, 2.0, 1.0, 3.0, 2.4])

        assert drawdown(curve) == pytest.approx([0.0, 0.0, -0.5, 0.0, -0.2])
        assert deepest(curve) == 0.5
        assert deepest(np.array([1.0, 1.0])) == 0.0
