"""Operator events on their way to whoever listens: notifications, the page, the audit log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.domain.ports import Clock

_log = logging.getLogger("nija.events")

#: Must return at once; it is called in the thread in which the event happened.
EventListener = Callable[[OperatorEvent], None]


class EventHub:
    """Hands every event to every listener. Safe to use from any thread; raises nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: tuple[EventListener, ...] = ()

    def listen(self, listener: EventListener) -> Callable[[], None]:
        """Hear every event from now on; returns what ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return lambda: self._forget(listener)

    def tell(
        self,
        kind: EventKind,
        text: str,
        *,
        account: AccountId | None = None,
        serious: bool = False,
        detail: str = "",
    ) -> None:
        """Something happened, now."""
        event = OperatorEvent(kind, text, self._clock.time(), account, serious, detail)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # Whoever is told must not disturb whatever it is told of.
                _log.exception("an event could not be handed on: %s", kind)

    def _forget(self, listener: EventListener) -> None:
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)
