"""The composition root: settings in, a running system out."""

from bot.app.report import MasterTradeReport, report_as_json
from bot.app.system import ConnectProgress, CopyTradingSystem, FrontDoorSwitches

__all__ = ["ConnectProgress", "CopyTradingSystem", "FrontDoorSwitches", "MasterTradeReport", "report_as_json"]
