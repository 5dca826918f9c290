"""Where Kraken takes WebSocket connections."""

from __future__ import annotations

from paper_exchange.core.socket_door import SocketDoor
from paper_exchange.core.sockets import Heartbeat
from paper_exchange.kraken.venue import Kraken
from paper_exchange.kraken.websocket.session import Session

PATH = "/v2/private"
_PATHS = frozenset({PATH, "/v2"})
_HEARTBEAT = Heartbeat('{"channel":"heartbeat"}', after_s=1.0)


def socket_door(venue: Kraken) -> SocketDoor:
    """The private WebSocket v2."""
    return SocketDoor(venue.exchange.sockets, _PATHS, lambda wire: Session(venue, wire), _HEARTBEAT)
