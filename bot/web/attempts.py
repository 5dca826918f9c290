"""How fast passwords may be tried: after a few that were wrong, each one makes the next one wait longer."""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass

from bot.domain.ports import Clock

#: Wrong ones that cost nothing: from one address, and from everywhere.
_FREE, _FREE_EVERYWHERE = 3, 10
#: The longest pauses, seconds. Short enough that nobody is kept out for good, long enough that nobody guesses.
_LONGEST_S, _LONGEST_EVERYWHERE_S = 300.0, 15.0
#: Seconds without a wrong one after which the earlier ones are forgotten.
_FORGOTTEN_AFTER_S = 3600.0
_MOST_ADDRESSES = 5000
_NS = 10**9


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    last_ns: int = 0
    until_ns: int = 0
    #: Told of since the pause began.
    turned_away: int = 0

    def count(self, now_ns: int, free: int, longest_s: float) -> None:
        if now_ns - self.last_ns > _FORGOTTEN_AFTER_S * _NS:
            self.wrong = 0
        self.wrong, self.last_ns, self.turned_away = self.wrong + 1, now_ns, 0
        over = self.wrong - free
        pause_s = min(2.0 ** min(over, 30), longest_s) if over >= 0 else 0.0
        self.until_ns = now_ns + int(pause_s * _NS)


class LoginLimiter:
    """Counts per address (IPv6: per network of 64 bits) and everywhere. Safe to use from any thread.

    Only tries that were let through count, so that who keeps trying during a pause does not make it longer. An address
    that once logged in is not held up by what others do elsewhere.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._addresses: dict[str, _Tries] = {}
        self._everywhere = _Tries()
        self._known: set[str] = set()

    def admit(self, address: str) -> float:
        """Ask to try a password; it counts as wrong until :meth:`succeeded` says otherwise.

        Returns:
            Seconds to wait first, and the try does not count; 0 when it may be tried now.
        """
        place, now = _place(address), self._clock.monotonic_ns()
        with self._lock:
            own = self._addresses.setdefault(place, _Tries())
            self._make_room()
            until = max(own.until_ns, 0 if place in self._known else self._everywhere.until_ns)
            if until > now:
                own.turned_away += 1
                return (until - now) / _NS
            own.count(now, _FREE, _LONGEST_S)
            self._everywhere.count(now, _FREE_EVERYWHERE, _LONGEST_EVERYWHERE_S)
            return 0.0

    def succeeded(self, address: str) -> None:
        """The password was right."""
        place = _place(address)
        with self._lock:
            self._addresses.pop(place, None)
            self._known.add(place)
            self._everywhere.wrong = max(0, self._everywhere.wrong - 1)
            self._everywhere.until_ns = 0 if self._everywhere.wrong < _FREE_EVERYWHERE else self._everywhere.until_ns

    def turned_away(self, address: str) -> int:
        """How often the address was told to wait since its last try."""
        with self._lock:
            tries = self._addresses.get(_place(address))
            return tries.turned_away if tries else 0

    def _make_room(self) -> None:
        if len(self._addresses) > _MOST_ADDRESSES:
            oldest = min(self._addresses, key=lambda place: self._addresses[place].last_ns)
            del self._addresses[oldest]


def _place(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
