"""Strategy, sizer, guards and fees over history, by the code that trades live. No network, no clock, no ledger.

Only what the venues do is made up: orders fill at once and in full, at the close and half the spread.
"""

from bot.simulation.candle_files import read_candles
from bot.simulation.followers import SimulatedUser, made_up_users, users_who_follow
from bot.simulation.picture import draw
from bot.simulation.played import Simulation, SimulationResult
from bot.simulation.report import AccountFigures, SimulationReport, figures_of
from bot.simulation.run import simulate
from bot.simulation.venues import VENUES, VenueModel

__all__ = [
    "VENUES",
    "AccountFigures",
    "SimulatedUser",
    "Simulation",
    "SimulationReport",
    "SimulationResult",
    "VenueModel",
    "draw",
    "figures_of",
    "made_up_users",
    "read_candles",
    "simulate",
    "users_who_follow",
]
