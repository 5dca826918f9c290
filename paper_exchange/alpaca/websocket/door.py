"""Where Alpaca takes WebSocket connections."""

from __future__ import annotations

from paper_exchange.alpaca.venue import Alpaca
from paper_exchange.alpaca.websocket.session import Session
from paper_exchange.core.socket_door import SocketDoor

PATH = "/stream"


def socket_door(venue: Alpaca) -> SocketDoor:
    """The stream of the trading API."""
    return SocketDoor(venue.exchange.sockets, frozenset({PATH}), lambda wire: Session(venue, wire))
