"""Tells the operator: takes events at once, and does everything else in threads of its own."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ports import Clock
from bot.reporting.notify.channels import Channel
from bot.reporting.notify.limits import Limiter
from bot.reporting.notify.sending import ChannelSender, Patience
from bot.runtime.service import Service

_log = logging.getLogger("nija.notify")

#: Events that wait to be looked at; there are never many, unless something is very wrong.
_WAITING = 1000
#: How often it is looked whether something that was held back is due.
_LOOK_S = 0.25
#: Seconds after its end was asked for until it has ended: what the channels get, and a little to count.
_END_WITHIN_S = 0.95


class Notifier(Service):
    """Sends the chosen events to all channels, not too often (:class:`bot.reporting.notify.limits.Limiter`).

    Nothing that a channel does reaches whoever tells, nor another channel. Asked to end, it sends what waits within
    a second; what did not go is counted in the log.

    Args:
        channels: those that are not usable are said once and left out.
        kinds: what is told of.
        redact: masks secrets in what is told.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        kinds: Collection[EventKind],
        clock: Clock,
        patience: Patience | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        super().__init__("notifier")
        self._redact = redact
        self._kinds = frozenset(kinds)
        self._limiter = Limiter(clock)
        self._events: queue.Queue[OperatorEvent] = queue.Queue(_WAITING)
        self._lost = 0
        self._senders = [ChannelSender(channel, patience) for channel in channels if channel.usable]
        self._unusable = [channel.label for channel in channels if not channel.usable]

    def listen(self, event: OperatorEvent) -> None:
        """An event (:data:`bot.reporting.events.EventListener`); returns at once."""
        if event.kind not in self._kinds or not self._senders:
            return
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._lost += 1

    def _run(self) -> None:
        for label in self._unusable:
            _log.error("❌ NOTIFY_URLS: %s is not understood and left out; see: python bot.py notify", label)
        for sender in self._senders:
            if not sender.alive and not sender.died:
                sender.start()
        while not self._stop.is_set():
            self._take(_LOOK_S)
            self._pass_on()
        self._end()

    def _take(self, within_s: float) -> None:
        """Give the limiter everything that waits."""
        try:
            event = self._events.get(timeout=within_s) if within_s else self._events.get_nowait()
            while True:
                # Before it is cut to the length of a message: half a secret cannot be found.
                masked = replace(event, text=self._redact(event.text), detail=self._redact(event.detail))
                self._limiter.take(masked)
                event = self._events.get_nowait()
        except queue.Empty:
            return

    def _pass_on(self) -> None:
        for sender in self._senders:
            sender.revive()
        for message in self._limiter.due():
            for sender in self._senders:
                sender.put(message)

    def _end(self) -> None:
        deadline = time.monotonic() + _END_WITHIN_S
        self._take(0)
        self._pass_on()
        for sender in self._senders:
            sender.stop()
        for sender in self._senders:
            if not sender.join(deadline):
                _log.warning("%s did not end in time, with %d notifications unsent", sender.name, sender.unsent)
        if held := self._limiter.held + self._lost:
            _log.warning("%d events were held back and are not told any more", held)
