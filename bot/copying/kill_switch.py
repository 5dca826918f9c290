"""What stops trading: the environment, a module's flag, and the operator's switches in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bot.copying.guards import refuse_entries
from bot.domain.enums import Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import Refused
from bot.ledger.switches import KILL, OBSERVE, Switch, account_paused_by, pauses_of

_log = logging.getLogger("nija.kill_switch")

#: Told the name of a switch, and the switch; None when it was lifted.
SwitchListener = Callable[[str, Switch | None], None]


class _SwitchStore(Protocol):
    def switches(self) -> Mapping[str, Switch]: ...


@dataclass(frozen=True, slots=True)
class Switches:
    """What stands at one moment.

    Attributes:
        stopped: why nothing may be traded; None when it may.
        observing: the switch of observe mode; None while it is not set.
        pauses: accounts that the operator wants no entries on.
    """

    stopped: str | None
    observing: Switch | None
    pauses: Mapping[AccountId, Switch]


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store said last, always replaced as a whole."""

    by_name: Mapping[str, Switch] = field(default_factory=dict)
    pauses: Mapping[AccountId, Switch] = field(default_factory=dict)
    #: Why nothing may be traded although no switch is set: none could ever be read.
    unread: str | None = None


def _nobody(_account: AccountId) -> bool:
    return False


class KillSwitchGate:
    """The one gate of all orders (:class:`bot.domain.ports.Gate`).

    Args:
        disabled_by_environment: ``SYSTEM_DISABLED`` as it was at start.
        disabled_by_flag: reads the front door's flag at the moment of the order.
        store: where the switches are written; read by :meth:`refresh`, several times a second.
        is_disabled: whether the users file of an account says ``"enabled": false``; asked before every order.
    """

    def __init__(
        self,
        disabled_by_environment: bool,
        disabled_by_flag: Callable[[], bool],
        store: _SwitchStore,
        is_disabled: Callable[[AccountId], bool] = _nobody,
    ) -> None:
        self._disabled_by_environment = disabled_by_environment
        self._disabled_by_flag = disabled_by_flag
        self._store = store
        self._is_disabled = is_disabled
        self._stored = _Stored()
        self._was_read = False
        self._listeners: tuple[SwitchListener, ...] = ()

    def listen(self, listener: SwitchListener) -> None:
        """Tell of every switch that is set or lifted from now on, by whichever process; must return at once."""
        self._listeners = (*self._listeners, listener)

    def refresh(self) -> None:
        """Read the stored switches again; says so in the log when one changed."""
        try:
            stored = dict(self._store.switches())
        except LedgerUnavailable as error:
            # The last word stands: without a ledger no plan can be committed, so nothing is sent either way.
            _log.error("the kill switch could not be read: %s", error)
            if not self._was_read:
                self._stored = _Stored(unread="it is not known whether a switch is set: the ledger cannot be read")
            return
        before, self._stored = self._stored.by_name, _Stored(stored, pauses_of(stored))
        self._was_read = True
        for name in sorted(before.keys() | stored.keys()):
            self._tell(name, before.get(name), stored.get(name))

    def now(self) -> Switches:
        """What stands now, in one look."""
        stored = self._stored
        return Switches(self._reason(stored), stored.by_name.get(OBSERVE), stored.pauses)

    def reason(self) -> str | None:
        """Why nothing may be traded now; None when it may."""
        return self._reason(self._stored)

    @property
    def killed(self) -> Switch | None:
        """The stored kill switch; None while it is not set."""
        return self._stored.by_name.get(KILL)

    @property
    def observing(self) -> Switch | None:
        """The stored switch of observe mode; None while it is not set."""
        return self._stored.by_name.get(OBSERVE)

    def paused(self, account: AccountId) -> Switch | None:
        """The operator's pause of an account; None while there is none."""
        pauses = self._stored.pauses
        # Mostly there are none, and to look for one takes time that every order of a fan-out waits for.
        return pauses.get(account) if pauses else None

    def refuse_entries(self, account: AccountId) -> Refused | None:
        """Why an account gets no entries whatever else stands; None when it may get them."""
        return refuse_entries(enabled=not self._is_disabled(account), pause=self.paused(account))

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        """A refusal for every order while the kill switch is on, and for entries of accounts that shall have none."""
        reason = self.reason()
        if reason is not None:
            return Refused("kill switch", reason)
        return self.refuse_entries(account) if side is Side.BUY else None

    def _reason(self, stored: _Stored) -> str | None:
        if self._disabled_by_environment:
            return "SYSTEM_DISABLED is set in the environment"
        if self._disabled_by_flag():
            return "SYSTEM_DISABLED is set in bot.kraken_copy_trading"
        kill = stored.by_name.get(KILL)
        return stored.unread if kill is None else kill.reason

    def _tell(self, name: str, before: Switch | None, after: Switch | None) -> None:
        if (before is None) != (after is None):
            _log.warning("%s", _line(name, after))
        if before == after:
            return
        for listener in self._listeners:
            try:
                listener(name, after)
            except Exception:
                # Whoever is told must not keep the gate from the next look.
                _log.exception("a switch could not be told of: %s", name)


def _line(name: str, switch: Switch | None) -> str:
    account = account_paused_by(name)
    if account is not None:
        return f"▶️ {account} IS NOT PAUSED ANY MORE" if switch is None else f"⏸️ {account} PAUSED: {switch.reason}"
    what = {KILL: "KILL SWITCH", OBSERVE: "OBSERVE MODE"}.get(name, f"UNKNOWN SWITCH {name!r}")
    return f"▶️ {what} LIFTED" if switch is None else f"🛑 {what} ON: {switch.reason}"
