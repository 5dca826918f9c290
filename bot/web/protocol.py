"""uvicorn's HTTP with limits of time: who sends or reads too slowly is hung up on."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

#: Seconds for the head of a request to arrive, and for an answer that does not go out to be read on.
HEAD_WITHIN_S = 10.0
READ_WITHIN_S = 10.0


class LimitedProtocol(H11Protocol):
    """One connection. uvicorn itself would wait for ever, and connections are counted."""

    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody came: the request has to follow."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Part of a request, or all of it."""
        super().data_received(data)
        # None before the first request, whatever its annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._expect_head()
        else:
            self._head_timer = _cancelled(self._head_timer)

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._read_timer = _cancelled(self._read_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._head_timer, self._read_timer = _cancelled(self._head_timer), _cancelled(self._read_timer)
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        # From the first byte on: one byte every few seconds does not buy more time.
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
