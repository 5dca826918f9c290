"""Canonical symbols (``BTC-USD``) and the ways that venues and people spell them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.errors import InvalidAmount

_SEPARATORS = ("-", "/", "")


@dataclass(frozen=True, slots=True)
class SymbolNames:
    """How one symbol may be written.

    Attributes:
        symbol: canonical.
        names: the venue's own, each unique at the venue.
        guesses: what people may write; one that fits two symbols counts for none of them.
    """

    symbol: str
    names: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()


class SymbolTable:
    """Finds the canonical symbol of any spelling, whatever its capitals; never changes once built."""

    def __init__(self, entries: Iterable[SymbolNames]) -> None:
        known = list(entries)
        self._symbols = tuple(entry.symbol for entry in known)
        self._by_spelling = _without_rivals((entry.symbol, entry.guesses) for entry in known)
        # The venue's own names go over guesses, and canonical ones over both.
        for entry in known:
            self._by_spelling.update({name.upper(): entry.symbol for name in entry.names})
        self._by_spelling.update({symbol.upper(): symbol for symbol in self._symbols})

    @property
    def symbols(self) -> tuple[str, ...]:
        """All canonical symbols."""
        return self._symbols

    def __contains__(self, text: str) -> bool:
        return text.strip().upper() in self._by_spelling

    def canonical(self, text: str) -> str:
        """The canonical symbol of a spelling.

        Raises:
            InvalidAmount: no symbol is spelt so; the text names those that look like it.
        """
        found = self._by_spelling.get(text.strip().upper())
        if found is not None:
            return found
        near = difflib.get_close_matches(text.strip().upper(), self._by_spelling, n=6, cutoff=0.6)
        symbols = list(dict.fromkeys(self._by_spelling[spelling] for spelling in near))[:3]
        hint = f"; did you mean {' or '.join(symbols)}?" if symbols else ""
        raise InvalidAmount(f"unknown symbol {text!r}{hint}")


def spellings(bases: Iterable[str], quotes: Iterable[str]) -> tuple[str, ...]:
    """Every base with every quote, joined as people do: ``BTC-USD``, ``BTC/USD``, ``BTCUSD``."""
    currencies = tuple(quotes)
    return tuple(f"{base}{separator}{quote}" for base in bases for quote in currencies for separator in _SEPARATORS)


def _without_rivals(claims: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    found: dict[str, str] = {}
    rivals: set[str] = set()
    for symbol, guesses in claims:
        for spelling in {guess.upper() for guess in guesses}:
            if found.setdefault(spelling, symbol) != symbol:
                rivals.add(spelling)
    return {spelling: symbol for spelling, symbol in found.items() if spelling not in rivals}
