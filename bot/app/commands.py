"""Command rows: what the CLI or the page asks of the running bot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.broker_manager import BrokerManager
from bot.domain.enums import BrokerType
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.ledger.commands import Command
from bot.ledger.journal import Ledger
from bot.runtime.service import Service

_log = logging.getLogger("nija.commands")
_T = TypeVar("_T")

#: Seconds that an account may take to connect again.
_RESUME_WITHIN_S = 15.0

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
    """

    def __init__(self, ledger: Ledger, handlers: Mapping[str, Handler], poll_s: float) -> None:
        super().__init__("command desk")
        self._ledger = ledger
        self._handlers = handlers
        self._poll_s = poll_s

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                command = self._ledger.take_command()
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
        return {"error": f"the running bot has no account {account}; look at: python bot.py users"}, True
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
