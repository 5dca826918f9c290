"""The command line, one file a command group."""

from bot.cli.main import main

__all__ = ["main"]
