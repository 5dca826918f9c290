"""Followers against their masters, looked at every few seconds: what differs for longer than a moment is said."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from bot.app.resync.parts import beginning, settled_balances
from bot.broker_manager import BrokerManager, UserBroker
from bot.copying.resync import AccountReplay, Standing, replay
from bot.copying.resync.masters import MasterStanding, master_standings
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.money import ONE, ZERO, shown, usd
from bot.domain.ports import Clock
from bot.ledger.history import HistoryMark, HistoryQueries, SignalStep

_log = logging.getLogger("nija.resync")

#: Drift below this share of the coins, or worth less than this many dollars, is not said.
_SAID_SHARE, _SAID_USD = Decimal("0.01"), ONE
#: Nanoseconds for which a drift has to stand before it is said: fills and balances trail.
_CERTAIN_AFTER_NS = 10 * 10**9
#: Seconds after which nothing is added to a copy any more, but by what leaves an event.
_SETTLED_AFTER_S = 300.0
#: Accounts in one question, and seconds of one look: the interpreter is shared with the fan-out.
_ACCOUNTS_AT_ONCE, _LOOK_S = 25, 0.25

#: An account and a symbol, or a master and a coin.
_Place = tuple[AccountId, str]
#: Told of an account, its symbol or coin, and what differs; an empty line: nothing any more.
DriftTeller = Callable[[AccountId, str, str], None]


class ResyncWatch:
    """Compares all followers with their masters, again and again, and says what differs for longer than a moment.

    Args:
        views: of the ledger.
        manager: the followers, and the masters.
        clock: whose monotonic time counts.
        tell: told of everything that the log is.
    """

    def __init__(
        self, views: HistoryQueries, manager: BrokerManager, clock: Clock, tell: DriftTeller = lambda *_: None
    ) -> None:
        self._views = views
        self._manager = manager
        self._clock = clock
        self._hand_on = tell
        self._mark: HistoryMark | None = None
        self._dirty: dict[AccountId, None] = {}
        self._settled: dict[AccountId, AccountReplay] = {}
        self._standings: dict[AccountId, list[Standing]] = {}
        self._last: list[SignalStep] = []
        # What was said of each place, and since when (monotonic) something else is to be said.
        self._said: dict[_Place, Decimal] = {}
        self._said_of_masters: dict[_Place, Decimal] = {}
        self._since_ns: dict[_Place, int] = {}
        self._readable = True

    def look(self) -> None:
        """Read what changed since the last look, and say what has to be said."""
        try:
            self._read()
        except LedgerUnavailable as error:
            if self._readable:
                _log.error("⚖️ followers are not compared with their masters until the ledger can be read: %s", error)
            self._readable = False
            return
        self._readable = True
        self._tell()

    @property
    def standings(self) -> list[Standing]:
        """Every account and symbol as it stood at the last look."""
        return [one for account in sorted(self._standings) for one in self._standings[account]]

    def masters(self) -> list[MasterStanding]:
        """What masters have against what their last trades left them."""
        return master_standings(self._last, partial(settled_balances, self._manager))

    # -- what changed --------------------------------------------------------------------------------------------

    def _read(self) -> None:
        users = {entry.user.account: entry for entry in self._manager.users if entry.user.master is not None}
        mark = self._views.history_mark()
        if mark != self._mark:
            self._note_touched(users)
            self._last = self._views.last_signals()
            self._mark = mark
        # A balance that was missing may be known by now.
        self._dirty |= dict.fromkeys(one.account for one in self.standings if one.unknown and one.account in users)
        deadline = time.monotonic() + _LOOK_S
        while self._dirty and time.monotonic() < deadline:
            self._replay_some(users)

    def _note_touched(self, users: dict[AccountId, UserBroker]) -> None:
        if self._mark is None:
            self._dirty = dict.fromkeys(users)
            return
        for account, number in self._views.touched_since(self._mark).items():
            settled = self._settled.get(account)
            if settled is not None and 0 < number <= settled.number:
                del self._settled[account]
            if account in users:
                self._dirty[account] = None

    def _replay_some(self, users: dict[AccountId, UserBroker]) -> None:
        begins = [self._settled.get(account) or beginning(users[account]) for account in self._dirty]
        after = begins[0].number
        some = [begin for begin in begins if begin.number == after][:_ACCOUNTS_AT_ONCE]
        history = self._views.history([begin.account for begin in some], after)
        for replayed in replay(some, history, self._clock.time() - _SETTLED_AFTER_S):
            account = replayed.now.account
            self._settled[account] = replayed.settled
            self._standings[account] = replayed.now.standings(history.coins)
            del self._dirty[account]

    # -- what is said --------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        found = {(one.account, one.symbol): one for one in self.standings}
        for place in sorted(found.keys() | self._said.keys()):
            standing = found.get(place)
            value = standing.correctable if standing is not None and _is_worth_saying(standing) else ZERO
            if standing is not None and standing.on_its_way:
                continue  # told when it is known
            before = self._said.get(place, ZERO)
            least = max(standing.should, standing.has) * _SAID_SHARE if standing else ZERO
            if bool(value) == bool(before) and abs(value - before) <= least:
                self._since_ns.pop(place, None)
            elif self._stands(place):
                self._say(place, standing, value)
        for master in self.masters():
            self._tell_master(master)

    def _stands(self, place: _Place) -> bool:
        now_ns = self._clock.monotonic_ns()
        return now_ns - self._since_ns.setdefault(place, now_ns) >= _CERTAIN_AFTER_NS

    def _say(self, place: _Place, standing: Standing | None, value: Decimal) -> None:
        del self._since_ns[place]
        account, symbol = place
        if standing is None or not value:
            self._said.pop(place, None)
            _log.info("⚖️ %s %s: in step with its master again", account, symbol)
            self._hand_on(account, symbol, "")
            return
        self._said[place] = value
        line = drift_line(standing)
        _log.warning("⚖️ %s", line)
        self._hand_on(account, symbol, line)

    def _tell_master(self, standing: MasterStanding) -> None:
        if standing.moved is None:
            return
        place = (standing.master, standing.base)
        if standing.moved == self._said_of_masters.get(place, ZERO):
            self._since_ns.pop(place, None)
        elif self._stands(place):
            del self._since_ns[place]
            self._said_of_masters[place] = standing.moved
            line = moved_line(standing)
            _log.warning("⚖️ %s", line)
            self._hand_on(*place, line if standing.moved else "")


def drift_line(standing: Standing) -> str:
    """One line: who, what, how much, why."""
    causes = ", ".join(f"{name} {shown(amount)}" for name, amount in standing.drift)
    share = standing.share
    percent = "" if share is None else f"{share * 100:+.1f} %, "
    return (
        f"{standing.account} {standing.symbol}: should have {shown(standing.should)}, has {shown(standing.has)} "
        f"({percent}{usd(abs(standing.worth))}): {causes}; python bot.py resync --user {standing.account.name}"
    )


def moved_line(standing: MasterStanding) -> str:
    """One line about coins of a master that moved without a trade."""
    if not standing.moved or standing.after_trade is None or standing.now is None:
        return f"{standing.master} {standing.base}: as its last trade left it again"
    how = "came" if standing.moved > 0 else "went"
    return (
        f"{standing.master} {standing.base}: its last trade left {shown(standing.after_trade)}, it has "
        f"{shown(standing.now)}: {shown(abs(standing.moved))} {how} without a trade that is known; nobody copies that"
    )


def _is_worth_saying(standing: Standing) -> bool:
    drift = abs(standing.correctable)
    return drift > max(standing.should, standing.has) * _SAID_SHARE and drift * standing.price >= _SAID_USD
