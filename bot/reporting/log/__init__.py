"""Logging: formatted and written in threads of its own, to the terminal and to a file, with secrets masked."""

from bot.reporting.log.setup import LogFile, LogSetup, configure_logging

__all__ = ["LogFile", "LogSetup", "configure_logging"]
