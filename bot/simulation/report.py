"""Figures of a simulation: what each account ended with, and where a user's share of the master's result went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from bot.domain.enums import Side
from bot.domain.ids import AccountId
from bot.domain.money import ZERO
from bot.simulation.attribution import CAPS, FEES, MULTIPLIER, ROUNDING
from bot.simulation.curves import deepest, equity_curve
from bot.simulation.played import DIGITS, AccountRun, SimulationResult

#: Figures are told to this, US dollars; what is cut off is in the rest.
_STEP = Decimal("1E-12")
#: Always told, in this order; the reasons of skips come after them.
_CAUSES = (FEES, ROUNDING, CAPS, MULTIPLIER)


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """One account.

    Attributes:
        start: money at the start, US dollars.
        end: money and coins at the last closes, US dollars.
        max_drawdown: the deepest fall of money and coins below their highest before, a share.
        buys: filled orders.
        sells: filled orders.
        skips: how often there was no order, by the reason's code.
        notes: how often an order was trimmed, by the sizer's text.
        fees: US dollars; what was taken in coin counts at the price of its order.
        ideal: of a user: its share of what the master earned, US dollars.
        parts: of a user: what each cause brought or cost beside the ideal, US dollars. ``ideal`` and all ``parts`` make
            exactly ``profit``; what the figures lost to their last digit is the part ``rest``.
        kept: of a user: its return as a share of the master's; None where the master's is nothing.
    """

    account: AccountId
    start: Decimal
    end: Decimal
    max_drawdown: float
    buys: int
    sells: int
    skips: Mapping[str, int]
    notes: Mapping[str, int]
    fees: Decimal
    ideal: Decimal | None = None
    parts: Mapping[str, Decimal] | None = None
    kept: Decimal | None = None

    @property
    def profit(self) -> Decimal:
        """Earned, or lost where below zero; US dollars."""
        return self.end - self.start

    @property
    def gain(self) -> Decimal:
        """The profit as a share of the start."""
        return self.profit / self.start


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """Everybody's figures, and what buying at the first close and holding would have brought (a share, no fees)."""

    master: AccountFigures
    users: tuple[AccountFigures, ...]
    held: Decimal


def figures_of(result: SimulationResult) -> SimulationReport:
    """The figures of a simulation."""
    with localcontext(prec=DIGITS):
        master = _figures(result, result.master)
        return SimulationReport(
            master, tuple(_user_figures(result, run, master) for run in result.users), _held(result)
        )


def _figures(result: SimulationResult, run: AccountRun) -> AccountFigures:
    coins = run.account.holdings.items()
    return AccountFigures(
        account=run.account.account,
        start=run.start,
        end=run.account.cash + sum((amount * result.last_closes[base] for base, amount in coins), ZERO),
        max_drawdown=deepest(equity_curve(result, run)),
        buys=run.orders[Side.BUY],
        sells=run.orders[Side.SELL],
        skips=dict(sorted(run.skips.items())),
        notes=dict(sorted(run.notes.items())),
        fees=run.account.fees,
    )


def _user_figures(result: SimulationResult, run: AccountRun, master: AccountFigures) -> AccountFigures:
    plain = _figures(result, run)
    found = {} if run.attribution is None else run.attribution.parts(result.last_closes)
    causes = dict.fromkeys((*_CAUSES, *sorted(found)))
    # Added to zero: a minus before nothing is not for people.
    parts = {cause: ZERO + found.get(cause, ZERO).quantize(_STEP) for cause in causes}
    ideal = (run.start / master.start * master.profit).quantize(_STEP)
    parts["rest"] = plain.profit - ideal - sum(parts.values(), ZERO)
    kept = ZERO + plain.gain / master.gain if master.profit else None
    return AccountFigures(
        plain.account,
        plain.start,
        plain.end,
        plain.max_drawdown,
        plain.buys,
        plain.sells,
        plain.skips,
        plain.notes,
        plain.fees,
        ideal,
        parts,
        kept,
    )


def _held(result: SimulationResult) -> Decimal:
    gains = [candles.last_close / candles.until(1).last_close - 1 for candles in result.simulation.candles.values()]
    return sum(gains, ZERO) / len(gains)
