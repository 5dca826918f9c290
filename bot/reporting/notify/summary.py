"""The day in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median

from bot.domain.money import usd

#: Lines of one list; the rest is counted.
_LINES = 12


@dataclass(frozen=True, slots=True)
class EquityChange:
    """What an account was worth at the beginning and at the end, US dollars."""

    name: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class DayNumbers:
    """What happened since ``since`` (unix seconds).

    Attributes:
        skipped: copies that were not to be sent, by the short form of their reason.
        unclear: copies of which it is not known whether they were placed.
        waiting: copies that something is still to be done for.
        milliseconds: of each copy that was answered.
        drift: a line for each account that is out of step.
        restarts: threads that died and were started again, by name.
        stopped: why nothing is traded now; None when it is.
        observing: observe mode is on.
        lost: accounts that are not connected.
        counted: how many of the newest copies are counted, where there were more; None when all are.
    """

    since: float
    signals: int
    copied: int
    skipped: Mapping[str, int]
    failed: int
    unclear: int
    waiting: int
    milliseconds: Sequence[float]
    equity: Sequence[EquityChange] = ()
    drift: Sequence[str] = ()
    restarts: Mapping[str, int] = field(default_factory=dict)
    stopped: str | None = None
    observing: bool = False
    lost: Sequence[str] = ()
    counted: int | None = None


def headline_of(day: DayNumbers) -> str:
    """One line: signals and copies."""
    copies = f"{day.copied} copied, {sum(day.skipped.values())} skipped, {day.failed} failed"
    further = [f"{day.unclear} unclear"] * bool(day.unclear) + [f"{day.waiting} waiting"] * bool(day.waiting)
    return f"{day.signals} {'signal' if day.signals == 1 else 'signals'}: {', '.join([copies, *further])}"


def lines_of(day: DayNumbers) -> list[str]:
    """Everything else; what is as it should be is left out, but the state of trading."""
    lines = [f"since {datetime.fromtimestamp(day.since, UTC):%b %d %H:%M} UTC", _trading(day)]
    if day.counted:
        lines.append(f"only the newest {day.counted} copies are counted; there were more")
    if day.lost:
        lines.append(f"not connected: {', '.join(day.lost)}")
    if day.milliseconds:
        lines.append(f"latency: median {median(day.milliseconds):.0f} ms, worst {max(day.milliseconds):.0f} ms")
    if day.skipped:
        reasons = sorted(day.skipped.items(), key=lambda one: (-one[1], one[0]))
        lines.append("skipped: " + ", ".join(f"{count} {reason}" for reason, count in reasons))
    if day.restarts:
        lines.append("restarted: " + ", ".join(f"{name} {count}x" for name, count in sorted(day.restarts.items())))
    lines += _some([f"out of step: {line}" for line in day.drift])
    return lines + _some([_equity_line(change) for change in day.equity])


def _trading(day: DayNumbers) -> str:
    if day.stopped is not None:
        return f"trading is STOPPED: {day.stopped}"
    return "observe mode: nothing is copied" if day.observing else "trading is on"


def _equity_line(change: EquityChange) -> str:
    moved = change.after - change.before
    sign = "-" if moved < 0 else "+"
    percent = f", {moved / change.before * 100:+.1f} %" if change.before > 0 else ""
    return f"{change.name}: {usd(change.after)} ({sign}{usd(abs(moved))}{percent})"


def _some(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _LINES else [*lines[:_LINES], f"and {len(lines) - _LINES} more"]
