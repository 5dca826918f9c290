"""What a simulation prints, and the same for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.cli.common import out
from bot.cli.tables import table
from bot.domain.money import ZERO, plain, usd
from bot.simulation import SimulationReport, SimulationResult
from bot.simulation.report import AccountFigures
from bot.trading_strategy import Candles

_ALWAYS = ("fees", "rounding", "caps")
_CAUSES = (*_ALWAYS, "multiplier")
_HUNDRED = Decimal(100)


def print_report(result: SimulationResult, report: SimulationReport) -> None:
    """Candles, results, where the shares went, and what was skipped."""
    for candles in result.simulation.candles.values():
        out.print(_told(candles), highlight=False)
    out.print(f"buying at the first close and holding: {_percent(report.held)}", highlight=False)
    out.print(_results(report))
    if report.users:
        out.print(_shares(report))
    skips = [(_name(one), reason, count) for one in _all(report) for reason, count in one.skips.items()]
    trims = [(_name(one), note, count) for one in _all(report) for note, count in one.notes.items()]
    if skips or trims:
        out.print(table("Skipped and trimmed", ("account", "why", "times"), skips + trims, right=("times",)))


def report_as_json(result: SimulationResult, report: SimulationReport) -> dict[str, Any]:
    """Everything that was computed; money as text."""
    simulation = result.simulation
    return {
        "venue": simulation.venue,
        "candles": {
            symbol: {
                "count": len(candles),
                "interval_s": candles.interval_s,
                "first": candles.times[0],
                "last": candles.last_time,
                "notes": list(candles.notes),
                "gaps": [asdict(gap) for gap in candles.gaps],
            }
            for symbol, candles in simulation.candles.items()
        },
        "buy_and_hold": plain(round(report.held, 8)),
        "accounts": [_account(one) for one in _all(report)],
        "trades": [
            {
                "time": trade.time,
                "symbol": trade.signal.symbol,
                "side": trade.signal.side,
                "quantity": plain(trade.report.executed),
                "price": plain(trade.report.average_price),
                "fee": plain(trade.report.fee),
                "fee_currency": trade.report.fee_currency,
                "reasons": list(trade.decision.reasons),
            }
            for trade in result.trades
        ],
    }


def _all(report: SimulationReport) -> tuple[AccountFigures, ...]:
    return (report.master, *report.users)


def _name(figures: AccountFigures) -> str:
    return str(figures.account)


def _told(candles: Candles) -> str:
    times = [datetime.fromtimestamp(time, UTC) for time in (candles.times[0], candles.closed_at)]
    span = " to ".join(f"{time:%Y-%m-%d %H:%M}" for time in times)
    notes = "".join(f"; {note}" for note in candles.notes)
    return f"{candles.symbol}: {len(candles):,} candles of {candles.interval_s / 60:g} min, {span} UTC{notes}"


def _results(report: SimulationReport) -> Any:
    columns = ("account", "start", "end", "return", "kept", "deepest fall", "buys", "sells", "skipped", "fees")
    rows = [
        (
            _name(one),
            usd(one.start),
            usd(one.end),
            _percent(one.gain),
            "" if one.kept is None else f"{_HUNDRED * one.kept:.1f} %",
            f"{100 * one.max_drawdown:.2f} %",
            one.buys,
            one.sells,
            sum(one.skips.values()),
            usd(one.fees),
        )
        for one in _all(report)
    ]
    return table("Results", columns, rows, right=columns[1:])


def _shares(report: SimulationReport) -> Any:
    parts = [one.parts or {} for one in report.users]
    there = {cause for each in parts for cause, amount in each.items() if amount} - {"rest"}
    # Skips come last, each under its reason.
    causes = [cause for cause in _CAUSES if cause in there or cause in _ALWAYS] + sorted(there - {*_CAUSES})
    columns = ("account", "share of the master's", *causes, "rest", "earned")
    rows = [
        (_name(one), _signed(one.ideal or ZERO), *_amounts(one.parts or {}, (*causes, "rest")), _signed(one.profit))
        for one in report.users
    ]
    return table("Where each user's share of the master's profit went, US dollars", columns, rows, right=columns[1:])


def _amounts(parts: Mapping[str, Decimal], causes: tuple[str, ...]) -> list[str]:
    return [_signed(parts.get(cause, ZERO)) for cause in causes]


def _signed(amount: Decimal) -> str:
    return f"{ZERO + round(amount, 2):+,.2f}"


def _percent(share: Decimal) -> str:
    return f"{ZERO + round(_HUNDRED * share, 2):+.2f} %"


def _account(one: AccountFigures) -> dict[str, Any]:
    return {
        "account": str(one.account),
        "start": plain(one.start),
        "end": plain(one.end),
        "profit": plain(one.profit),
        "return": plain(round(one.gain, 8)),
        "kept": None if one.kept is None else plain(round(one.kept, 8)),
        "max_drawdown": round(one.max_drawdown, 8),
        "buys": one.buys,
        "sells": one.sells,
        "skips": dict(one.skips),
        "trimmed": dict(one.notes),
        "fees": plain(one.fees),
        "share_of_master": None if one.ideal is None else plain(one.ideal),
        "parts": None if one.parts is None else {cause: plain(amount) for cause, amount in one.parts.items()},
    }
