"""A simulation as a picture: everybody's money over time, how far each fell, and when the master traded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.domain.enums import Side
from bot.domain.errors import SettingsError
from bot.simulation.curves import closings, drawdown, equity_curve, hold_curve
from bot.simulation.played import AccountRun, SimulationResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More points than this are more than the picture is wide.
_POINTS = 3000
_INCHES, _DOTS_AN_INCH = (13.0, 8.5), 110
#: Users from which on lines are thinner, and the legend is.
_MANY = 12
_MARKS = {Side.BUY: ("^", "tab:green", "master buys"), Side.SELL: ("v", "tab:red", "master sells")}


def draw(result: SimulationResult, path: Path) -> None:
    """Write the picture, a PNG.

    Raises:
        SettingsError: the file cannot be written.
    """
    # Here, because it takes longer to load than everything else of the bot.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    held, worth, fallen = figure.subplots(3, 1, sharex=True, height_ratios=[1.2, 3, 1])
    _draw_market(result, held)
    _draw_accounts(result, worth, fallen)
    symbols, simulation = ", ".join(result.simulation.candles), result.simulation
    figure.suptitle(f"{symbols}, master at {simulation.venue}: {len(result.trades)} orders, {len(result.users)} users")
    for axes, label in (
        (held, "held, % of the start"),
        (worth, "money and coins, % of the start"),
        (fallen, "below the highest, %"),
    ):
        axes.set_ylabel(label)
        axes.grid(alpha=0.25)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    fallen.xaxis.set_major_locator(locator)
    fallen.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    columns = 1 + (len(result.users) > 2 * _MANY)
    figure.legend(loc="outside right upper", fontsize=9 if len(result.users) <= _MANY else 7, ncols=columns)
    try:
        figure.savefig(path, format="png", dpi=_DOTS_AN_INCH)
    except OSError as error:
        raise SettingsError(f"--out {path}: cannot be written ({error.strerror})") from None


def _draw_market(result: SimulationResult, axes: Axes) -> None:
    moments, curve = closings(result), 100 * hold_curve(result)
    shown = _shown(moments)
    axes.plot(_dates(moments[shown]), curve[shown], color="0.45", linewidth=1, label="buy and hold")
    # Hundreds of marks hide the line that they stand on.
    size = 30 if len(result.trades) <= 200 else 6
    for side, (marker, colour, label) in _MARKS.items():
        times = [trade.time for trade in result.trades if trade.signal.side is side]
        at = np.searchsorted(moments, times)
        axes.scatter(_dates(times), curve[at], marker=marker, color=colour, s=size, zorder=3, label=label)


def _draw_accounts(result: SimulationResult, worth: Axes, fallen: Axes) -> None:
    import matplotlib

    colours = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, max(len(result.users), 1)))
    thin = 1.3 if len(result.users) <= _MANY else 0.8
    lines: list[tuple[AccountRun, Any, float]] = [
        *((run, colour, thin) for run, colour in zip(result.users, colours, strict=False)),
        (result.master, "black", 2.0),
    ]
    moments = closings(result)
    shown = _shown(moments)
    times = _dates(moments[shown])
    for run, colour, width in lines:
        curve = equity_curve(result, run)
        name = "MASTER" if run is result.master else run.account.account.name
        label = f"{name} {100 * (curve[-1] - 1):+.2f} %"
        worth.plot(times, 100 * curve[shown], color=colour, linewidth=width, alpha=0.85, label=label)
        fallen.plot(times, 100 * drawdown(curve)[shown], color=colour, linewidth=width * 0.7, alpha=0.85)


def _shown(moments: Any) -> Any:
    return np.unique(np.linspace(0, len(moments) - 1, min(_POINTS, len(moments))).astype(int))


def _dates(times: Any) -> Any:
    return np.asarray(times, dtype="int64").astype("datetime64[s]")
