"""Where Coinbase takes WebSocket connections."""

from __future__ import annotations

from paper_exchange.coinbase.venue import Coinbase
from paper_exchange.coinbase.websocket.session import Session
from paper_exchange.core.socket_door import SocketDoor

#: The venue has a host for it, without a path.
PATH = ""
_PATHS = frozenset({PATH, "/"})


def socket_door(venue: Coinbase) -> SocketDoor:
    """The channels of a user."""
    return SocketDoor(venue.exchange.sockets, _PATHS, lambda wire: Session(venue, wire))
