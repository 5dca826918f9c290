"""How often the operator is told: what is held back is counted, and told later."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.reporting.notify.texts import Message, message_of

#: Seconds between two messages of one kind about one account.
SAME_KIND_S = 600.0
#: Messages in any hour, and how many of them are kept for serious ones.
PER_HOUR, RESERVE = 20, 5

_HOUR_S = 3600.0
_REMEMBERED = 4

#: That something is wrong and that it is over are two things, told apart by ``serious``.
_Key = tuple[EventKind, AccountId | None, bool]


@dataclass
class _Held:
    """Events of one key that were not told yet."""

    since: float
    count: int = 0
    latest: deque[OperatorEvent] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Limiter:
    """Lets messages through, or holds them back until there is room. For one thread.

    Args:
        clock: whose monotonic time counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[_Key, _Held] = {}
        self._last_ns: dict[_Key, int] = {}
        self._sent_ns: deque[int] = deque()

    @property
    def held(self) -> int:
        """Events that were not told yet."""
        return sum(held.count for held in self._held.values())

    def take(self, event: OperatorEvent) -> None:
        """Hold an event; :meth:`due` gives it back, at once where there is room."""
        held = self._held.setdefault((event.kind, event.account, event.serious), _Held(event.at))
        held.count += 1
        held.latest.append(event)

    def due(self) -> list[Message]:
        """What may be told now, serious ones first, each once."""
        now_ns = self._clock.monotonic_ns()
        self._forget(now_ns)
        # The order of a dict is the one in which keys began to be held.
        free = sorted((key for key in self._held if key not in self._last_ns), key=lambda key: not key[2])
        return [self._release(key, now_ns) for key in free if self._room(key[2])]

    def _room(self, serious: bool) -> bool:
        return len(self._sent_ns) < (PER_HOUR if serious else PER_HOUR - RESERVE)

    def _release(self, key: _Key, now_ns: int) -> Message:
        held = self._held.pop(key)
        self._last_ns[key] = now_ns
        self._sent_ns.append(now_ns)
        return message_of(list(held.latest), held.count, held.since)

    def _forget(self, now_ns: int) -> None:
        while self._sent_ns and now_ns - self._sent_ns[0] >= _HOUR_S * 1e9:
            self._sent_ns.popleft()
        self._last_ns = {key: at for key, at in self._last_ns.items() if now_ns - at < SAME_KIND_S * 1e9}
