"""What was asked of the exchange and what it answered, for whoever measures or checks a client."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

LONGEST = 200_000


@dataclass(slots=True, eq=False)
class Request:
    """One call. Times are `time.monotonic_ns()`, comparable between processes of one machine.

    `arrived_ns` is taken when the head of the request is there, before any latency; `answered_ns` just before the
    answer goes out, and is `None` until then and where no answer was given.
    """

    account: str | None
    venue: str
    method: str
    arrived_ns: int
    answered_ns: int | None = None
    error: str | None = None
    order_id: str | None = None
    fault: int | None = None


class Journal:
    """The last 200,000 calls, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque(maxlen=LONGEST)

    def note(self, request: Request) -> None:
        """Takes a call in; it may still be filled in afterwards."""
        self._requests.append(request)

    def clear(self) -> int:
        """Forgets all calls; answers how many there were."""
        gone = len(self._requests)
        self._requests.clear()
        return gone

    def find(self, method: str | None = None, account: str | None = None, venue: str | None = None) -> list[Request]:
        """The calls of a method, an account and a venue; `None` for any."""
        return [
            request
            for request in self._requests
            if method in (None, request.method)
            and account in (None, request.account)
            and venue in (None, request.venue)
        ]


def refusals(requests: list[Request]) -> dict[str, int]:
    """How often each error was answered."""
    return dict(Counter(request.error for request in requests if request.error is not None))
