"""A request made ready to its last byte, which leaves when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed request that has not left: ``send`` and then ``result``, or ``discard``; each once, in any thread.

    Attributes:
        send: sends without waiting; what fails there, ``result`` raises.
        result: waits for the answer and gives what the client makes of it; raises VenueError by what is known.
        discard: takes it back.
    """

    send: Callable[[], None]
    result: Callable[[], Any]
    discard: Callable[[], None]

    @classmethod
    def whole(cls, ask: Callable[[], Any]) -> Prepared:
        """A request of a session without steps: it leaves only when its result is wanted."""
        return cls(_nothing, ask, _nothing)


def _nothing() -> None:
    return None
