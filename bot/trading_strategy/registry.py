"""Strategies by name: each file of :mod:`bot.trading_strategy.strategies` is one, and its name is the strategy's."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from bot.domain.errors import SettingsError
from bot.trading_strategy import strategies
from bot.trading_strategy.decision import Strategy


def strategy_names() -> tuple[str, ...]:
    """The names of all strategies, sorted."""
    return tuple(sorted(found.name for found in iter_modules(strategies.__path__)))


def strategy_named(name: str) -> Strategy:
    """The strategy of this name.

    Raises:
        SettingsError: there is none, or its file has no ``decide``; the text names those that there are.
    """
    names = strategy_names()
    if name not in names:
        raise SettingsError(f"strategy {name!r}: no such strategy; there are {', '.join(names)}")
    module = import_module(f"{strategies.__name__}.{name}")
    if not callable(getattr(module, "decide", None)):
        raise SettingsError(f"strategy {name!r}: its file has no function decide")
    # A module with the function is an implementation of the protocol (PEP 544).
    return cast(Strategy, module)
