"""What is said on one connection with a venue, from the hello to the end."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from bot.domain.executions import Execution

Message = Mapping[str, Any]
Say = Callable[[Message], None]

_BEGINNING = 12


class Conversation(ABC):
    """One connection's words, one after the other; made anew for each connection. No clock, no network.

    Attributes:
        listening: whether the venue has acknowledged everything, so that each execution from now on is told.
        in_maintenance: what the venue said of itself; None until it did.
        question: asked when nothing was heard for a while; any answer is a sign of life. Where there is none, and no
            ``pings``, the venue has to speak up by itself.
        pings: whether frames of the WebSocket protocol ask for a sign of life. An edge server may answer them while
            nothing behind it lives, so only where a venue has nothing better.
    """

    question: ClassVar[Message | None] = None
    pings: ClassVar[bool] = False

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self.listening = False
        self.in_maintenance: bool | None = None
        self._secrets = tuple(filter(None, secrets))

    @abstractmethod
    def hello(self) -> Sequence[Message]:
        """What to say first."""

    @abstractmethod
    def hear(self, message: Message, say: Say) -> Sequence[Execution]:
        """Read one message; what it tells of executions, oldest first.

        Args:
            say: answers it.

        Raises:
            Interrupted: the connection is of no use any more.
            VenueUnclear, InvalidAmount: the message cannot be read, which ends the connection as well.
        """

    def masked(self, text: str) -> str:
        """A text without the secrets of this connection: a venue may repeat in an error what it was sent."""
        for secret in self._secrets:
            # By its beginning: the text may have been cut off in the middle of it.
            text = re.sub(rf"{re.escape(secret[:_BEGINNING])}\S*", "[redacted]", text)
        return text
