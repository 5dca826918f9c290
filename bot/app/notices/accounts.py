"""Accounts that are lost and that come back; a blip is neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.enums import AccountType
from bot.domain.events import EventKind
from bot.domain.ids import AccountId
from bot.reporting.events import EventHub
from bot.reporting.live import AccountState
from bot.reporting.notify.texts import clock_time

#: Nanoseconds that an account has to be away to be lost.
LOST_AFTER_NS = 60 * 10**9
#: Nanoseconds for which it is waited whether others are lost too: where the network is gone, all are, one by one.
_GATHER_NS = 15 * 10**9
#: Accounts in one message that are told with their reasons.
_SHOWN = 8


@dataclass
class _Away:
    since: float
    since_ns: int
    why: str
    master: bool
    told: bool = False


class AccountNotices:
    """Compares the accounts of one look with those of the looks before."""

    def __init__(self, events: EventHub) -> None:
        self._events = events
        self._away: dict[AccountId, _Away] = {}
        self._back: dict[AccountId, float] = {}

    @property
    def lost(self) -> list[str]:
        """Accounts that are lost now, by name."""
        return sorted(str(account) for account, away in self._away.items() if away.told)

    def begin(self, accounts: Sequence[AccountState], now: float, now_ns: int) -> list[str]:
        """The first look; a line for each account that is away, which counts as told."""
        self._note(accounts, now, now_ns)
        for away in self._away.values():
            away.told = True
        return [f"{account}: {away.why}" for account, away in sorted(self._away.items())]

    def look(self, accounts: Sequence[AccountState], now: float, now_ns: int) -> None:
        """A further look; tells what has to be told."""
        self._note(accounts, now, now_ns)
        new = {account: away for account, away in self._away.items() if not away.told}
        if any(now_ns - away.since_ns >= LOST_AFTER_NS + _GATHER_NS for away in new.values()):
            self._tell_lost({one: away for one, away in new.items() if now_ns - away.since_ns >= LOST_AFTER_NS})
        if self._back:
            self._tell_back()

    def _note(self, accounts: Sequence[AccountState], now: float, now_ns: int) -> None:
        gone = self._away.keys() - {one.account for one in accounts}
        for account in gone:
            # Taken out of the users' files: nobody waits for it.
            del self._away[account]
        for one in accounts:
            why = _why_away(one)
            away = self._away.get(one.account)
            if why and away is None:
                master = one.role is AccountType.MASTER
                self._away[one.account] = _Away(now, now_ns, why, master)
            elif why and away is not None:
                away.why = why
            elif away is not None:
                del self._away[one.account]
                if away.told:
                    self._back[one.account] = away.since

    def _tell_lost(self, lost: dict[AccountId, _Away]) -> None:
        for away in lost.values():
            away.told = True
        lines = [
            f"{account}: {away.why}, since {clock_time(away.since)}"
            for account, away in sorted(lost.items(), key=lambda one: (not one[1].master, one[0]))
        ]
        serious = any(away.master for away in lost.values())
        if len(lost) == 1:
            self._events.tell(EventKind.ACCOUNT_LOST, lines[0], account=next(iter(lost)), serious=serious)
            return
        shown = lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
        text = f"{len(lost)} accounts cannot trade: {_names(lost)}"
        self._events.tell(EventKind.ACCOUNT_LOST, text, serious=serious, detail="\n".join(shown))

    def _tell_back(self) -> None:
        back, self._back = self._back, {}
        account = next(iter(back)) if len(back) == 1 else None
        text = (
            f"{account} trades again; it was away since {clock_time(back[account])}"
            if account is not None
            else f"{len(back)} accounts trade again: {_names(back)}"
        )
        self._events.tell(EventKind.ACCOUNT_BACK, text, account=account)


def _why_away(state: AccountState) -> str:
    if state.barred:
        return f"its key may not be used any more ({state.status})"
    if not state.lane_alive:
        return "its thread died"
    if not state.connected:
        return f"not connected ({state.status})"
    return f"paused ({state.status})" if state.paused else ""


def _names(accounts: dict[AccountId, _Away] | dict[AccountId, float]) -> str:
    names = sorted(map(str, accounts))
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
