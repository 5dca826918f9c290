"""Server-sent events: one look a second for all who listen, none while nobody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anyio import CapacityLimiter, to_thread
from sse_starlette import ServerSentEvent

from bot.domain.errors import LedgerUnavailable, SettingsError
from bot.domain.events import OperatorEvent
from bot.ledger.history import HistoryMark
from bot.web.parts import PageParts
from bot.web.showing import Showing
from bot.web.text import as_text

_log = logging.getLogger("nija.web")

_LOOK_EVERY_S = 1.0
#: Looks between two states that show nothing new, and between two lists of accounts of which only the times are new.
_STATE_EVERY, _ACCOUNTS_EVERY = 5, 30
#: Messages that wait for one listener; who is further behind is dropped, and its browser comes again.
_MOST_WAITING = 100
MOST_LISTENERS = 20
_MOST_SIGNALS = 50

_Message = ServerSentEvent


@dataclass(eq=False)
class _Listener:
    is_welcome: Callable[[], bool]
    queue: asyncio.Queue[_Message | None] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))

    def hand(self, message: _Message) -> bool:
        """Whether there was room."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


@dataclass
class _Look:
    """What was seen: each kind of event with its data, and without what changes by itself."""

    state: dict[str, Any]
    accounts: dict[str, Any] | None
    signals: list[dict[str, Any]]
    mark: HistoryMark | None


class Feed:
    """Hands what changes to every listener. All of it runs in the server's loop but the looks themselves."""

    def __init__(self, parts: PageParts, showing: Showing) -> None:
        self._parts, self._showing = parts, showing
        self._listeners: set[_Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = lambda: None
        self._last: dict[str, _Message] = {}

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def is_full(self) -> bool:
        """Whether nobody else is let in."""
        return len(self._listeners) >= MOST_LISTENERS

    def open(self) -> None:
        """Begin, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._forget = self._parts.events.listen(self._hear)

    def close(self) -> None:
        """End every stream. In the loop."""
        self._forget()
        self._loop = None
        for listener in list(self._listeners):
            listener.end()
        if self._looking is not None:
            self._looking.cancel()

    async def listen(self, is_welcome: Callable[[], bool]) -> AsyncIterator[_Message]:
        """Everything from now on, until the listener is dropped, its session ends, or the page does.

        Args:
            is_welcome: whether its session holds.
        """
        listener = _Listener(is_welcome)
        if self._loop is None:
            return
        self._listeners.add(listener)
        try:
            yield self._message("hello", {"now": self._parts.clock.time()})
            if self._looking is None or self._looking.done():
                self._looking = self._loop.create_task(self._look_on())
            else:
                for message in self._last.values():
                    yield message
            while (waiting := await listener.queue.get()) is not None:
                yield waiting
        finally:
            self._listeners.discard(listener)

    # -- looking -------------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        limiter, look, rounds = CapacityLimiter(1), _Look({}, None, [], None), 0
        self._last.clear()
        while self._listeners:
            try:
                before, look = look, await to_thread.run_sync(self._look, look.mark, limiter=limiter)
                self._publish_changes(before, look, rounds)
            except Exception:
                _log.exception("the page could not be told what is new; it goes on in %s s", _LOOK_EVERY_S)
            rounds += 1
            await asyncio.sleep(_LOOK_EVERY_S)
            for listener in list(self._listeners):
                if not _still_welcome(listener):
                    listener.end()

    def _look(self, since: HistoryMark | None) -> _Look:
        state = self._showing.state().model_dump(mode="json")
        try:
            mark = self._parts.views.history_mark()
            accounts = self._showing.accounts().model_dump(mode="json")
            touched = [] if since in (None, mark) else self._parts.queries.signals_touched(since, _MOST_SIGNALS)
            signals = [one.model_dump(mode="json") for one in self._showing.signals(touched)] if touched else []
        except LedgerUnavailable:
            # The state says so; what was missed is told once it can be read again.
            return _Look(state, None, [], since)
        return _Look(state, accounts, signals, mark)

    def _publish_changes(self, before: _Look, look: _Look, rounds: int) -> None:
        if _standing(before.state) != _standing(look.state) or rounds % _STATE_EVERY == 0:
            self._publish("state", look.state, keep=True)
        if look.accounts is not None and look.accounts != before.accounts:
            timeless = _timeless(look.accounts) == _timeless(before.accounts)
            if not timeless or rounds % _ACCOUNTS_EVERY == 0:
                self._publish("accounts", look.accounts, keep=True)
        for signal in look.signals:
            self._publish("signal", signal)

    # -- telling -------------------------------------------------------------------------------------------------

    def _hear(self, event: OperatorEvent) -> None:
        loop = self._loop
        if loop is None or not self._listeners:
            return
        data = {
            "kind": event.kind,
            "text": event.text,
            "at": event.at,
            "account": None if event.account is None else str(event.account),
            "serious": event.serious,
        }
        try:
            loop.call_soon_threadsafe(self._publish, "event", data)
        except RuntimeError:
            # The loop has just ended, and with it everybody who listened.
            _log.debug("nobody was told of %s: the page ends", event.kind)

    def _publish(self, name: str, data: Mapping[str, Any], *, keep: bool = False) -> None:
        message = self._message(name, data)
        if keep:
            self._last[name] = message
        for listener in list(self._listeners):
            if not listener.hand(message):
                _log.info("a listener of the page was too slow and is dropped")
                listener.end()
                self._listeners.discard(listener)

    def _message(self, name: str, data: Mapping[str, Any]) -> _Message:
        return ServerSentEvent(as_text(data, self._parts.redact), event=name)


def _still_welcome(listener: _Listener) -> bool:
    try:
        return listener.is_welcome()
    except SettingsError:
        return False


def _standing(state: dict[str, Any]) -> dict[str, Any]:
    """The state without what changes by itself."""
    engine = {name: value for name, value in state.get("engine", {}).items() if name != "heartbeat_age_s"}
    return {name: value for name, value in state.items() if name != "now"} | {"engine": engine}


def _timeless(accounts: dict[str, Any] | None) -> list[dict[str, Any]]:
    listed = [] if accounts is None else accounts["accounts"]
    return [{name: value for name, value in one.items() if name != "balances_at"} for one in listed]
