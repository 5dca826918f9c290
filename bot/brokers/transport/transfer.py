"""One libcurl handle driven in steps: what can be sent at once is sent at once, the waiting is for another thread."""

from __future__ import annotations

import select
import time
from typing import Any

import pycurl
import requests

from bot.brokers.transport.failures import failure_of

_NONE = -1
_EVENTS = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}
#: Milliseconds of one poll at most; libcurl says by its timer when it wants to be called.
_LONGEST_POLL_MS = 1000


class Transfer:
    """A handle with a multi of its own, so that its connection stays its own and is open when it is needed.

    One thread at a time. libcurl's socket interface is used because its older one stops at descriptor 1,023.

    Args:
        handle: a ``pycurl.Curl``, set up.
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.status_code = 0
        self._multi = self._new_multi()
        self._poll = select.poll()
        self._sockets: set[int] = set()
        self._timer_due = float("inf")
        self._running = 0
        self._idle_socket = _NONE

    def start(self) -> None:
        """Send what can be sent without waiting."""
        self._idle_socket = _NONE
        self._multi.add_handle(self.handle)
        self._running = 1
        try:
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        except BaseException:
            self._multi.remove_handle(self.handle)
            raise

    def finish(self) -> requests.RequestException | None:
        """Wait for the end; None when there is an answer, with ``status_code``, else what went wrong."""
        failure: requests.RequestException | None = None
        try:
            while self._running:
                for descriptor, events in self._poll.poll(self._wait_ms()):
                    self._act(descriptor, _flags(events))
                if time.monotonic() >= self._timer_due:
                    self._timer_due = float("inf")
                    self._act(pycurl.SOCKET_TIMEOUT, 0)
            failure = self._end()
        finally:
            self._multi.remove_handle(self.handle)
        if failure is not None:
            # Whatever connection is left over is not one to send an order on.
            self._multi.close()
            self._multi = self._new_multi()
        return failure

    def _new_multi(self) -> Any:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_MAXCONNECTS, 1)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._socket_wanted)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._timer_wanted)
        return multi

    def _end(self) -> requests.RequestException | None:
        _, _, failed = self._multi.info_read()
        for _, code, text in failed:
            return failure_of(self.handle, pycurl.error(code, text))
        self.status_code = self.handle.getinfo(pycurl.RESPONSE_CODE)
        self._idle_socket = self.handle.getinfo(pycurl.ACTIVESOCKET)
        return None

    def idle_connection_is_gone(self) -> bool:
        """Whether the kept connection, if any, was closed by the server while nobody used it.

        Between two requests the server has nothing to say: a readable socket is a closed one. Without this look, an
        order written to it would be lost in a way that cannot be told from an order that arrived.
        """
        if self._idle_socket == _NONE:
            return False
        poll = select.poll()
        poll.register(self._idle_socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))

    def use_fresh_connection(self, fresh: bool) -> None:
        """Whether the next request must not use the kept connection."""
        self.handle.setopt(pycurl.FRESH_CONNECT, fresh)

    def close(self) -> None:
        """Close the connection."""
        self._idle_socket = _NONE
        self._multi.close()
        self.handle.close()

    def _wait_ms(self) -> int:
        left_ms = (self._timer_due - time.monotonic()) * 1000
        # One more than the whole part: a poll that ends just before the timer would be done for nothing.
        return max(0, int(left_ms) + 1) if left_ms < _LONGEST_POLL_MS else _LONGEST_POLL_MS

    def _act(self, descriptor: int, flags: int) -> None:
        _, self._running = self._multi.socket_action(descriptor, flags)

    def _socket_wanted(self, what: int, descriptor: int, _multi: Any, _data: Any) -> None:
        if what == pycurl.POLL_REMOVE:
            if descriptor in self._sockets:
                self._sockets.discard(descriptor)
                self._poll.unregister(descriptor)
            return
        self._sockets.add(descriptor)
        self._poll.register(descriptor, _EVENTS.get(what, 0))

    def _timer_wanted(self, milliseconds: int) -> None:
        self._timer_due = time.monotonic() + milliseconds / 1000 if milliseconds >= 0 else float("inf")


def _flags(events: int) -> int:
    flags = 0
    if events & (select.POLLIN | select.POLLHUP):
        flags |= pycurl.CSELECT_IN
    if events & select.POLLOUT:
        flags |= pycurl.CSELECT_OUT
    if events & (select.POLLERR | select.POLLNVAL):
        flags |= pycurl.CSELECT_ERR
    return flags
