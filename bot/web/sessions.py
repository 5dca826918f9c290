"""Who is logged in: random tokens, of which only hashes are kept, in memory."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from bot.domain.ports import Clock

IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0
_TOKEN_BYTES = 32
#: One person looks in from a few devices; the one that was used longest ago makes room.
_MOST = 50
_NS = 10**9


@dataclass(slots=True)
class _Session:
    began_ns: int
    used_ns: int
    generation: int


class Sessions:
    """Safe to use from any thread.

    Args:
        clock: the monotonic one tells when a session ends, whatever somebody does to the other.
        generation: of the password; sessions of another one are over.
    """

    def __init__(self, clock: Clock, generation: Callable[[], int]) -> None:
        self._clock, self._generation = clock, generation
        self._lock = threading.Lock()
        self._sessions: dict[bytes, _Session] = {}

    def begin(self) -> str:
        """Log somebody in; returns the token."""
        token, now, generation = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.monotonic_ns(), self._generation()
        with self._lock:
            while len(self._sessions) >= _MOST:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used_ns)]
            self._sessions[_key(token)] = _Session(now, now, generation)
        return token

    def is_valid(self, token: str, *, use: bool = False) -> bool:
        """Whether somebody is logged in by this token.

        Args:
            use: the idle time begins anew.
        """
        return self.expires_at(token, use=use) is not None

    def expires_at(self, token: str, *, use: bool = False) -> float | None:
        """When the session ends, unix seconds, if nothing is done in it; None when there is none."""
        now, generation, key = self._clock.monotonic_ns(), self._generation(), _key(token)
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if session.generation != generation or self._left_s(session, now) <= 0:
                del self._sessions[key]
                return None
            if use:
                session.used_ns = now
            return self._clock.time() + self._left_s(session, now)

    def end(self, token: str) -> None:
        """Log out."""
        with self._lock:
            self._sessions.pop(_key(token), None)

    def end_all(self) -> None:
        """Log everybody out."""
        with self._lock:
            self._sessions.clear()

    @staticmethod
    def _left_s(session: _Session, now_ns: int) -> float:
        idle, altogether = (now_ns - session.used_ns) / _NS, (now_ns - session.began_ns) / _NS
        return min(IDLE_S - idle, LONGEST_S - altogether)


def _key(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
