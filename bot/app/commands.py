"""Command rows: what the CLI or the page asks of the running bot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.broker_manager import BrokerManager
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import AccountType, BrokerType
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.ledger.commands import ALL_KINDS, Command, Kinds
from bot.ledger.journal import Ledger
from bot.ledger.switches import KILL, OBSERVE, Switch, pause_of
from bot.runtime.service import Service

_log = logging.getLogger("nija.commands")
_T = TypeVar("_T")

#: Why trading is stopped where nobody said: an emergency brake needs no reason.
KILLED = "stopped by the operator"

#: Seconds that an account may take to connect again.
_RESUME_WITHIN_S = 15.0

#: Seconds after which what sets orders going is not carried out any more: nobody means those of yesterday.
_NOT_LATER_THAN_S = 60.0
_SETS_GOING = frozenset({"trade", "resume", "unpause_user", "resync"})

#: A command's result, as JSON, and whether it failed.
Outcome = tuple[dict[str, Any], bool]
#: Carries out one kind of command: its payload in, its outcome out; or what waits for it, which holds up no other.
Handler = Callable[[dict[str, Any]], Outcome | Callable[[], Outcome]]


class CommandDesk(Service):
    """Takes command rows one at a time, in their order, and writes what became of them.

    What a handler leaves to be waited for is waited for beside the commands that follow.

    Args:
        ledger: holds the rows.
        handlers: who carries out which kind.
        poll_s: how often it looks for a new row.
        tell: told of every command that was carried out, and whether it failed.
        kinds: those that it takes. What must never wait has a desk of its own.
    """

    def __init__(
        self,
        ledger: Ledger,
        handlers: Mapping[str, Handler],
        poll_s: float,
        tell: Callable[[Command, bool], None] = lambda *_: None,
        kinds: Kinds = ALL_KINDS,
        name: str = "command desk",
    ) -> None:
        super().__init__(name)
        self._kinds = kinds
        self._tell = tell
        self._ledger = ledger
        self._handlers = handlers
        self._poll_s = poll_s

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                command = self._ledger.take_command(self._kinds)
                if command is not None:
                    self._carry_out(command)
                    continue
            except LedgerUnavailable as error:
                _log.error("commands cannot be read: %s", error)
            self._stop.wait(self._poll_s)

    def _carry_out(self, command: Command) -> None:
        handler = self._handlers.get(command.kind)
        if handler is None:
            self._finish(command, ({"error": f"unknown command {command.kind}"}, True))
            return
        waited_s = (command.taken_at or 0.0) - command.created_at
        if waited_s > _NOT_LATER_THAN_S and _sets_going(command):
            error = f"it was not carried out: it had waited for {waited_s:.0f} s; ask anew if it is still wanted"
            self._finish(command, ({"error": error}, True))
            return
        outcome = self._guarded_call(command, lambda: handler(command.payload))
        if not callable(outcome):
            self._finish(command, outcome)
            return
        wait = outcome
        threading.Thread(
            target=lambda: self._finish(command, self._guarded_call(command, wait)),
            name=f"command {command.id}",
            daemon=True,
        ).start()

    def _guarded_call(self, command: Command, call: Callable[[], _T]) -> _T | Outcome:
        try:
            return call()
        except (KeyError, ValueError) as error:
            return {"error": f"the command cannot be read: {error}"}, True
        except Exception as error:
            _log.exception("command %s (%s) failed", command.id, command.kind)
            return {"error": f"the command failed: {type(error).__name__}: {error}"}, True

    def _finish(self, command: Command, outcome: Outcome) -> None:
        result, failed = outcome
        self._tell(command, failed)
        try:
            self._ledger.finish_command(command.id, result, failed=failed)
        except LedgerUnavailable as error:
            _log.error("the result of command %s (%s) could not be written: %s", command.id, command.kind, error)


def resume_user(manager: BrokerManager, payload: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Carry out a ``resume_user`` command: user_id, venue.

    Returns:
        ``account``; ``was``, its status before; ``resumed``, False when there was nothing to do; ``connected``;
        ``status``, as it is now. It failed where the account is unknown or not usable afterwards.
    """
    account = AccountId(payload["user_id"], BrokerType(payload["venue"]))
    broker = manager.broker(account)
    if broker is None:
        return _unknown(account)
    was, needed = broker.status, broker.paused or not broker.connected
    if needed:
        broker.resume(_RESUME_WITHIN_S)
    result = {
        "account": str(account),
        "was": was,
        "resumed": needed,
        "connected": broker.connected,
        "status": broker.status,
    }
    return result, not broker.connected


def _sets_going(command: Command) -> bool:
    return command.kind in _SETS_GOING or (command.kind == "observe" and not command.payload.get("on"))


class OperatorSwitches:
    """Carries out the commands that set and lift switches; each is obeyed when its result is written.

    All results tell ``was`` and ``now``: the switch before and after, as ``reason``, ``set_by`` and ``set_at`` (unix
    seconds), or null. Every payload may have ``by``: who asks.
    """

    def __init__(
        self, ledger: Ledger, gate: KillSwitchGate, manager: BrokerManager, *, observes_always: bool = False
    ) -> None:
        self._observes_always = observes_always
        self._ledger = ledger
        self._gate = gate
        self._manager = manager

    @property
    def handlers(self) -> dict[str, Handler]:
        """By the kinds of their commands."""
        return {
            "kill": self.kill,
            "resume": self.resume,
            "observe": self.observe,
            "pause_user": self.pause_user,
            "unpause_user": self.unpause_user,
        }

    def kill(self, payload: dict[str, Any]) -> Outcome:
        """``reason``, which may be missing: stop all trading."""
        return self._done(self._set(KILL, _line_of(payload, "reason") or KILLED, payload))

    def resume(self, payload: dict[str, Any]) -> Outcome:
        """Lift the kill switch; ``stopped``: why nothing is traded all the same, or null."""
        result, failed = self._done(self._lift(KILL, payload))
        return result | {"stopped": self._gate.reason()}, failed

    def observe(self, payload: dict[str, Any]) -> Outcome:
        """``on``, and to switch it on ``reason``: copies are planned and written down, none is placed.

        Switched off, ``still`` says why none is placed all the same; it is missing where they are.
        """
        if not isinstance(payload.get("on"), bool):
            raise ValueError("observe needs on: true or false")
        if payload["on"]:
            return self._done(self._set(OBSERVE, _reason_of(payload), payload))
        lifted = self._lift(OBSERVE, payload)
        still = {"still": "OBSERVE_ONLY is set in the environment"} if self._observes_always else {}
        return self._done(lifted | still)

    def pause_user(self, payload: dict[str, Any]) -> Outcome:
        """``user_id``, ``venue``, ``reason``: no more entries on this account; its exits go on."""
        account = _account_of(payload)
        if account.account_type is AccountType.MASTER:
            raise ValueError(f"{account} is a master, and only users are paused; kill stops everybody")
        if self._manager.broker(account) is None:
            return _unknown(account)
        result = self._set(pause_of(account), _reason_of(payload), payload)
        return self._done({"account": str(account)} | result)

    def unpause_user(self, payload: dict[str, Any]) -> Outcome:
        """``user_id``, ``venue``: entries again."""
        account = _account_of(payload)
        result = self._lift(pause_of(account), payload)
        # The pause of a user who is not there any more can be lifted all the same.
        if result["was"] is None and self._manager.broker(account) is None:
            return _unknown(account)
        return self._done({"account": str(account)} | result)

    def _set(self, name: str, reason: str, payload: dict[str, Any]) -> dict[str, Any]:
        was = self._ledger.set_switch(name, reason, _by(payload))
        return {"was": _as_json(was), "now": _as_json(self._ledger.switches().get(name))}

    def _lift(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"was": _as_json(self._ledger.lift_switch(name, _by(payload))), "now": None}

    def _done(self, result: dict[str, Any]) -> Outcome:
        self._gate.refresh()
        return result, False


def _unknown(account: AccountId) -> Outcome:
    return {"error": f"the running bot has no account {account}; look at: python bot.py users"}, True


def _account_of(payload: dict[str, Any]) -> AccountId:
    user_id, venue = _line_of(payload, "user_id"), _line_of(payload, "venue")
    if not user_id:
        raise ValueError("user_id is missing")
    if venue not in set(BrokerType):
        raise ValueError(f"there is no venue {venue!r}; there are: {', '.join(BrokerType)}")
    return AccountId(user_id, BrokerType(venue))


def _reason_of(payload: dict[str, Any]) -> str:
    reason = _line_of(payload, "reason")
    if not reason:
        raise ValueError("reason is missing: say why, everyone who asks is told")
    return reason


def _by(payload: dict[str, Any]) -> str:
    return _line_of(payload, "by") or "a command"


def _line_of(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, was {value!r}")
    return " ".join(value.split())


def _as_json(switch: Switch | None) -> dict[str, Any] | None:
    return None if switch is None else {"reason": switch.reason, "set_by": switch.set_by, "set_at": switch.set_at}
