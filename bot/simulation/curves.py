"""Equity over time, for the picture and for drawdowns. Shares of a start, for eyes: floats, unlike the money itself."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from bot.domain.instruments import split_symbol
from bot.simulation.played import AccountRun, SimulationResult


def closings(result: SimulationResult) -> Any:
    """The closings of all candles, unix seconds, each once: an int64 array. All curves have a value for each."""
    every = (np.asarray(candles.times) + candles.interval_s for candles in result.simulation.candles.values())
    return reduce(np.union1d, every)


def equity_curve(result: SimulationResult, run: AccountRun) -> Any:
    """Money and coins at the closes, as shares of the start: a float64 array."""
    moments = closings(result)
    at = np.searchsorted([books.time for books in run.books], moments, side="right") - 1
    worth = np.array([float(books.money) for books in run.books])[at]
    for symbol in result.simulation.candles:
        base = split_symbol(symbol)[0]
        coins = np.array([float(books.coins.get(base, 0)) for books in run.books])[at]
        # Before its first candle there are none of them.
        worth += coins * np.nan_to_num(_closes(result, symbol, moments))
    return worth / float(run.start)


def hold_curve(result: SimulationResult) -> Any:
    """Equal sums in every symbol from its first close on, without fees, as shares of the start: a float64 array."""
    moments = closings(result)
    lines = []
    for symbol, candles in result.simulation.candles.items():
        closes = _closes(result, symbol, moments)
        lines.append(np.nan_to_num(closes / candles.closes[0], nan=1.0))
    return np.mean(lines, axis=0)


def drawdown(curve: Any) -> Any:
    """How far a curve is below its highest so far, a share at or below zero."""
    return curve / np.maximum.accumulate(curve) - 1


def deepest(curve: Any) -> float:
    """The deepest drawdown, a share above or at zero."""
    return abs(float(drawdown(curve).min()))


def _closes(result: SimulationResult, symbol: str, moments: Any) -> Any:
    candles = result.simulation.candles[symbol]
    at = np.searchsorted(np.asarray(candles.times) + candles.interval_s, moments, side="right") - 1
    return np.where(at < 0, np.nan, candles.closes[np.maximum(at, 0)])
