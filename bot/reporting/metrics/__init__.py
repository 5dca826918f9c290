"""Figures for Prometheus: counted as things are announced, read off the running system when somebody asks.

Everything is in a registry of its own; nothing is global.
"""

from bot.reporting.metrics.page import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
