"""How long a socket waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Seconds.

    Attributes:
        open_s: for TCP, and again for TLS and the opening handshake.
        acknowledge_s: until the venue must have acknowledged everything that was subscribed.
        ask_s: without a sign of life until one is asked for.
        silence_s: without a sign of life until the connection counts as dead.
        first_wait_s: before the second new connection in a row; the first one is made at once, each later one after
            twice as long.
        longest_wait_s: no wait is longer, unless the venue says when to come back; also the wait of those who are
            turned away.
        maintenance_s: the shortest wait while the venue is in maintenance.
        steady_s: a connection that listened for so long was a good one: after it the waits begin anew.
    """

    open_s: float = 10.0
    acknowledge_s: float = 10.0
    ask_s: float = 5.0
    silence_s: float = 15.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    maintenance_s: float = 5.0
    steady_s: float = 30.0
