"""Who trades by itself, and who does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import partial

from bot.broker_manager import BrokerManager, UserBroker
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.independent_broker_trader.feed import CandleFeed, CandleSource
from bot.independent_broker_trader.loop import AccountTrader
from bot.independent_broker_trader.parts import TradingParts, TradingRules

_log = logging.getLogger("nija.trader")


class IndependentBrokerTrader:
    """One thread for each account that may trade by itself: masters, and users whose entry says so.

    Args:
        manager: filled before.
        sources: candles, by venue; an account of another one does not trade.
        rules: the same for all.
        parts: likewise.

    Attributes:
        services: one an account, not started: to be started once the accounts are connected and the copy engine runs,
            and looked after by a supervisor.
    """

    def __init__(
        self,
        manager: BrokerManager,
        sources: Mapping[BrokerType, CandleSource],
        rules: TradingRules,
        parts: TradingParts,
    ) -> None:
        self._manager = manager
        self._rules = rules
        self._parts = parts
        self._feeds = {venue: CandleFeed(source, rules.interval_s, parts.clock) for venue, source in sources.items()}
        self._telling = threading.Lock()
        self._told: set[AccountId] = set()
        self.services = self._masters() + self._independent_users()

    def _masters(self) -> list[AccountTrader]:
        return [
            AccountTrader(
                broker,
                self._rules,
                self._parts,
                self._feeds[broker.account.venue],
                is_copying=_never,
                connected=partial(self._say_who_copies, broker.account),
                at_once=True,
            )
            for broker in self._manager.masters
            if broker.account.venue in self._feeds
        ]

    def _independent_users(self) -> list[AccountTrader]:
        return [
            AccountTrader(
                entry.broker,
                self._rules,
                self._parts,
                self._feeds[entry.broker.account.venue],
                is_copying=partial(self._copies, entry),
                connected=_nothing,
                # The master may only need a little longer to connect.
                at_once=False,
            )
            for entry in self._manager.users
            if entry.user.independent and entry.user.enabled and entry.broker.account.venue in self._feeds
        ]

    def _copies(self, entry: UserBroker) -> bool:
        # As its file says now.
        entry = self._manager.user(entry.broker.account) or entry
        master = None if entry.user.master is None else self._manager.broker(entry.user.master)
        return master is not None and master.connected

    def _say_who_copies(self, master: AccountId) -> None:
        for entry in self._manager.followers_of(master):
            self._say_skipped(entry)

    def _say_skipped(self, entry: UserBroker) -> None:
        with self._telling:
            if entry.broker.account in self._told:
                return
            self._told.add(entry.broker.account)
        _log.info("⏭️ Skipping %s: copy trading active", entry.user.user_id)


def _never() -> bool:
    return False


def _nothing() -> None:
    return None
