"""The words of the daily summary."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.reporting.notify.summary import DayNumbers, EquityChange, headline_of, lines_of

QUIET = DayNumbers(1_790_000_000.0, 0, 0, {}, 0, 0, 0, [])
BUSY = DayNumbers(
    since=1_790_000_000.0,
    signals=12,
    copied=100,
    skipped={"too small": 3, "kill switch": 7},
    failed=2,
    unclear=1,
    waiting=4,
    milliseconds=[100.0, 300.0, 4000.0],
    equity=[
        EquityChange("anna:kraken", Decimal(1000), Decimal("1010.50")),
        EquityChange("bob:kraken", Decimal(500), Decimal(450)),
        EquityChange("new:kraken", Decimal(0), Decimal(100)),
    ],
    drift=["anna:kraken BTC-USD: should have 1, has 2"],
    restarts={"copy engine": 1},
    stopped="too hot",
    lost=["carl:kraken"],
)


def test_a_busy_day() -> None:
    assert headline_of(BUSY) == "12 signals: 100 copied, 10 skipped, 2 failed, 1 unclear, 4 waiting"
    assert lines_of(BUSY) == [
        "since Sep 21 14:13 UTC",
        "trading is STOPPED: too hot",
        "not connected: carl:kraken",
        "latency: median 300 ms, worst 4000 ms",
        "skipped: 7 kill switch, 3 too small",
        "restarted: copy engine 1x",
        "out of step: anna:kraken BTC-USD: should have 1, has 2",
        "anna:kraken: $1,010.50 (+$10.50, +1.0 %)",
        "bob:kraken: $450.00 (-$50.00, -10.0 %)",
        "new:kraken: $100.00 (+$100.00)",
    ]


def test_a_quiet_day() -> None:
    assert headline_of(QUIET) == "0 signals: 0 copied, 0 skipped, 0 failed"
    assert lines_of(QUIET) == ["since Sep 21 14:13 UTC", "trading is on"]


def test_observe_mode_is_said() -> None:
    assert "observe mode: nothing is copied" in lines_of(replace(QUIET, observing=True))


def test_fifty_accounts_do_not_make_fifty_lines() -> None:
    many = [EquityChange(f"user{number}:kraken", Decimal(1), Decimal(1)) for number in range(50)]
    lines = lines_of(replace(QUIET, equity=many))
    assert len(lines) == 15
    assert lines[-1] == "and 38 more"
