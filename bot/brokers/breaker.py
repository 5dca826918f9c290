"""When an account is left alone for a while: after failures in a row, or because its venue said so."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from bot.domain.ports import Clock

#: Whoever waits for exactly the time that was named finds the pause over, whatever the last digit of a float says.
_NO_TIME_S = 1e-6


@dataclass(frozen=True, slots=True)
class _State:
    """Monotonic seconds. ``opened``: by failures; ``told``: by the venue; ``pause_s``: of the last opening."""

    in_a_row: int = 0
    pause_s: float = 0.0
    opened_until: float = 0.0
    opened_reason: str = ""
    told_until: float = 0.0
    told_reason: str = ""

    def waits_for(self, now: float) -> tuple[float, str]:
        """Seconds still to wait and why; ``(0.0, "")`` when there is no need."""
        until, reason = max((self.opened_until, self.opened_reason), (self.told_until, self.told_reason))
        return (until - now, reason) if until > now + _NO_TIME_S else (0.0, "")


#: Nothing failed and nobody asked for patience: what all looks see all day.
_QUIET = _State()


class CircuitBreaker:
    """Counts an account's venue failures and says how long to wait; it keeps nobody from anything itself.

    Any thread may ask or tell.

    Args:
        clock: its monotonic hand counts.
        failures: so many in a row open it.
        first_pause_s: seconds of the first pause; each further one without a success in between is twice as long.
        longest_pause_s: no pause of its own making is longer.
    """

    def __init__(
        self, clock: Clock, failures: int = 5, first_pause_s: float = 30.0, longest_pause_s: float = 300.0
    ) -> None:
        self._clock = clock
        self._failures = failures
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        # Always replaced, never changed: who only looks needs no lock.
        self._state = _QUIET

    def failed(self, reason: str) -> bool:
        """One more failure in a row; whether it opened. After a pause the first one opens again, for twice as long."""
        now = self._now()
        with self._lock:
            state = replace(self._state, in_a_row=self._state.in_a_row + 1)
            opens = state.in_a_row >= self._failures and state.opened_until <= now + _NO_TIME_S
            if opens:
                pause_s = min(state.pause_s * 2 or self._first_pause_s, self._longest_pause_s)
                state = replace(state, pause_s=pause_s, opened_until=now + pause_s, opened_reason=reason)
            self._state = state
        return opens

    def succeeded(self) -> bool:
        """Forget the failures; whether there was a pause. One that the venue asked for still lasts as long as it said.

        A balance may be had while orders are refused for their rate.
        """
        if self._state is _QUIET:
            return False  # every order passes here
        now = self._now()
        with self._lock:
            before = self._state
            told = before.told_until > now + _NO_TIME_S
            self._state = _State(told_until=before.told_until, told_reason=before.told_reason) if told else _QUIET
        return before.pause_s > 0 or (before.told_until > 0 and not told)

    def pause(self, reason: str, seconds: float) -> None:
        """The venue said to wait (rate limit, lockout, maintenance); a longer pause is not shortened."""
        until = self._now() + seconds
        with self._lock:
            if seconds > 0 and until > self._state.told_until:
                self._state = replace(self._state, told_until=until, told_reason=reason)

    def resume(self) -> None:
        """An operator has mended it: forget everything and wait for nothing."""
        with self._lock:
            self._state = _QUIET

    @property
    def paused_s(self) -> float:
        """Seconds still to wait; 0.0 when there is no pause. Then one call may try, and the next wait for it."""
        state = self._state
        return 0.0 if state is _QUIET else state.waits_for(self._now())[0]

    @property
    def reason(self) -> str:
        """Why it waits; empty when it does not."""
        return self._state.waits_for(self._now())[1]

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9
