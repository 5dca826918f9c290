"""Troubles of WebSocket connections, on demand."""

from __future__ import annotations

from paper_exchange.control_models import SocketTrouble, SocketTroubleKind
from paper_exchange.core.sockets import Sockets, Wire


def trouble(sockets: Sockets, wanted: SocketTrouble) -> int:
    """Does it to the connections that are open now; answers how many. Delay and refusal hold for later ones too."""
    struck = list(sockets.of(wanted.account))
    if wanted.kind is SocketTroubleKind.REFUSE:
        sockets.refuse(wanted.seconds)
    elif wanted.kind is SocketTroubleKind.DELAY:
        sockets.delays.set(wanted.account, wanted.seconds or 0.0)
    else:
        for wire in struck:
            _strike(wire, wanted)
    return len(struck)


def _strike(wire: Wire, wanted: SocketTrouble) -> None:
    match wanted.kind:
        case SocketTroubleKind.SILENCE:
            wire.silence(wanted.seconds)
        case SocketTroubleKind.DROP:
            wire.drop()
        case SocketTroubleKind.CLOSE:
            wire.close()
        case SocketTroubleKind.SKIP:
            wire.skip(wanted.count)
        case SocketTroubleKind.REPEAT:
            wire.repeat(wanted.count)
