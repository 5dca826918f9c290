"""The words of ASGI, and what it has no word for: ending a TCP connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(connection: asyncio.Transport) -> None:
    """Ends a TCP connection without a word."""
    # Lingering for zero seconds makes the kernel send RST instead of FIN.
    tcp = connection.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.abort()
