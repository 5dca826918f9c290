"""``bench faults``: orders whose answers get lost in every way there is, counted at the exchange."""

from bot.cli.faults.figures import FaultFigures, KindFigures, count_orders, faults_as_json, faults_table
from bot.cli.faults.kinds import KINDS, FaultKind, chosen_kinds
from bot.cli.faults.trial import measure_faults

__all__ = [
    "KINDS",
    "FaultFigures",
    "FaultKind",
    "KindFigures",
    "chosen_kinds",
    "count_orders",
    "faults_as_json",
    "faults_table",
    "measure_faults",
]
