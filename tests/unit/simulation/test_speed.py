"""Years of candles and twenty users are a matter of seconds."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.enums import BrokerType
from bot.simulation import Simulation, draw, figures_of, made_up_users, read_candles, simulate
from bot.trading_strategy import strategy_named
from tests.unit.simulation.series import SYMBOL, csv_of, seeded_rows


@pytest.mark.slow
@pytest.mark.benchmark
def test_a_hundred_thousand_candles_and_twenty_users_take_less_than_twenty_seconds(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(csv_of({SYMBOL: seeded_rows(100_000)}), encoding="utf-8")
    users = made_up_users([Decimal(100 * number) for number in range(1, 21)], BrokerType.KRAKEN)
    began, worked = time.monotonic(), time.process_time()

    result = simulate(Simulation(read_candles(path), strategy_named("rsi_ema"), users=users))
    report = figures_of(result)
    draw(result, tmp_path / "simulation.png")

    took, cpu = time.monotonic() - began, time.process_time() - worked
    copies = sum(one.buys + one.sells for one in report.users)
    print(
        f"100,000 candles, {len(result.trades)} orders of the master, {copies} copies: {took:.1f} s, {cpu:.1f} s of CPU"
    )
    assert copies > 20_000
    # Other tests run beside it: what it worked counts.
    assert cpu < 20
