"""Why a connection is of no use any more."""

from __future__ import annotations

from collections.abc import Callable


class Interrupted(Exception):
    """The connection has to be made anew; what it did not tell has to be asked for.

    Args:
        reason: for people, in one line.
        wait_s: at least so long until the next connection.
    """

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s

    @property
    def reason(self) -> str:
        """For people, in one line."""
        return str(self.args[0])

    def change(self, reading: Callable[[str], str]) -> None:
        """Say the reason in another way."""
        self.args = (reading(self.reason),)


class TurnedAway(Interrupted):
    """The venue refused the key, the token or the subscription: it will hardly think otherwise soon."""
