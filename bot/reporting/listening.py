"""Everything that is announced, for several listeners at once: the log, the metrics, the events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal

from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderResult
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal

_log = logging.getLogger("nija.announcements")


class AnnouncementListener:
    """Hears what is announced and does nothing about it; whoever cares for an announcement overrides it.

    Called in the thread in which it happened: must return quickly.
    """

    def connected(self, account: AccountId) -> None:
        """An account answered with its balances."""

    def not_connected(self, account: AccountId, reason: str) -> None:
        """An account is left out, and why."""

    def underfunded(self, account: AccountId, balance: Decimal) -> None:
        """An account is too small to trade."""

    def system_ready(self, venue: str, users: int) -> None:
        """Masters and users of a venue are connected."""

    def emitting(self, signal: TradeSignal) -> None:
        """A master's trade is about to become a signal."""

    def emitted(self, signal: TradeSignal) -> None:
        """The signal is in the queue."""

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        """The master traded, and nobody will follow."""

    def watching(self, account: AccountId, by: str) -> None:
        """What is traded by hand on a master account is heard of, and how."""

    def watch_interrupted(self, account: AccountId, reason: str) -> None:
        """The socket of a master is gone for now; what it missed is asked for."""

    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None:
        """Neither socket nor questions tell what a master trades."""

    def traded_by_hand(self, signal: TradeSignal) -> None:
        """A master traded, and the bot did not do it."""

    def signal_refused(self, signal: TradeSignal, reason: str) -> None:
        """A signal did not get through, or not yet."""

    def master_confirmed(self, result: OrderResult) -> None:
        """A master's order and its fill."""

    def engine_started(self, observe_only: bool) -> None:
        """The copy engine takes signals."""

    def received(self, signal: TradeSignal) -> None:
        """The engine has a signal."""

    def copying(self, user_id: str) -> None:
        """A user's order is on its way."""

    def not_copying(self, copy: PlannedCopy) -> None:
        """A user does not copy, or not yet, and why."""

    def copy_ended(self, result: CopyTradeResult) -> None:
        """A user's order was answered."""

    def summary(self, signal: TradeSignal, results: Sequence[CopyTradeResult]) -> None:
        """What became of a signal."""

    def recovering(self, orders: int) -> None:
        """Orders of an earlier run are asked for."""

    def recovered(self, orders: int, complete: bool) -> None:
        """What an earlier run left is known, or is still asked for while copying begins."""

    def plan_not_committed(self, signal: TradeSignal, reason: str) -> None:
        """The ledger did not take a plan: nothing is sent."""


class Announcements(AnnouncementListener):
    """Hands every announcement to all listeners, in their order; one that fails keeps none of the others."""

    def __init__(self, *listeners: AnnouncementListener) -> None:
        self._listeners = listeners

    def add(self, listener: AnnouncementListener) -> None:
        """Tell this one too, from now on."""
        self._listeners = (*self._listeners, listener)

    def _hand_on(self, name: str, *arguments: object) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, name)(*arguments)
            except Exception:
                _log.exception("%s could not be announced to %s", name, type(listener).__name__)


def _handing_on(name: str) -> object:
    def hand_on(self: Announcements, *arguments: object) -> None:
        self._hand_on(name, *arguments)

    hand_on.__name__ = name
    return hand_on


for _name in [name for name in vars(AnnouncementListener) if not name.startswith("_")]:
    setattr(Announcements, _name, _handing_on(_name))
