"""Troubles that a test orders in advance and the venue then has."""

from __future__ import annotations

import fnmatch
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from paper_exchange.core.clock import Clock


class FaultKind(StrEnum):
    """What goes wrong. `docs/paper_exchange.md` says what each does to the answer and to the order."""

    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    HTTP_504 = "http_504"
    HTTP_520 = "http_520"
    HTTP_429 = "http_429"
    RESET = "reset"
    HANG = "hang"
    HTML = "html"
    TRUNCATED = "truncated"
    EMPTY_RESULT = "empty_result"
    ERROR = "error"
    INVALID_NONCE = "invalid_nonce"
    DELAYED_LANDING = "delayed_landing"
    PARTIAL_FILL = "partial_fill"
    EMPTY_QUERY = "empty_query"
    STALE_QUERY = "stale_query"
    PERMISSION_REVOKED = "permission_revoked"


DEFAULT_SECONDS = {FaultKind.HANG: 60.0, FaultKind.DELAYED_LANDING: 5.0, FaultKind.STALE_QUERY: 5.0}


class FaultMoment(StrEnum):
    """Whether the trouble comes before the call is executed (it then is not) or after."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One trouble: whom it strikes, how often, and how.

    `venue`, `account` and `method` are `None` for any; an account may be a pattern (`anna*`). The first `skip` calls
    that fit go by, then it strikes `times`, `None` for ever; both count for every account on its own with
    `each_account`. From `ends_at` on, unix seconds of the exchange, it strikes no more. `seconds` is the wait of a hang
    or of a delayed landing and the age of a stale answer, `fraction` the part of an order that fills.
    """

    fault_id: int
    kind: FaultKind
    moment: FaultMoment
    venue: str | None = None
    account: str | None = None
    method: str | None = None
    times: int | None = 1
    skip: int = 0
    each_account: bool = False
    ends_at: float | None = None
    seconds: float = 0.0
    probability: float = 1.0
    text: str | None = None
    fraction: Decimal = Decimal("0.5")
    struck: int = 0
    _seen: Counter[str | None] = field(default_factory=Counter)

    def is_for(self, account: str | None) -> bool:
        """Whether it may strike this account, `None` where the caller has none."""
        return self.account is None or (account is not None and fnmatch.fnmatchcase(account, self.account))

    def is_over(self, account: str | None) -> bool:
        """Whether it has struck so often that no call of this account can have it any more."""
        return self.times is not None and self._seen[self._place(account)] >= self.skip + self.times

    def take(self, account: str | None) -> bool:
        """Counts a call that fits; whether it is struck."""
        place = self._place(account)
        self._seen[place] += 1
        strikes = self._seen[place] > self.skip
        self.struck += strikes
        return strikes

    def _place(self, account: str | None) -> str | None:
        return account if self.each_account else None


class Faults:
    """The armed troubles, oldest first; the first that fits strikes."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._clock = clock
        self._random = random.Random(seed + 2)
        self._numbers = itertools.count(1)
        self.armed: dict[int, Fault] = {}

    def next_id(self) -> int:
        """A number that no fault had before."""
        return next(self._numbers)

    def arm(self, fault: Fault) -> None:
        """Makes a trouble wait for its call."""
        self.armed[fault.fault_id] = fault

    def clear(self, fault_id: int | None = None) -> int:
        """Takes one trouble away, or all; answers how many went."""
        if fault_id is None:
            gone = len(self.armed)
            self.armed.clear()
            return gone
        return 0 if self.armed.pop(fault_id, None) is None else 1

    def strike(self, venue: str, account: str | None, method: str, fitting: frozenset[FaultKind]) -> Fault | None:
        """The trouble that this call has, counted as struck; only kinds in `fitting` can happen to it."""
        for fault in self.armed.values():
            if fault.kind in fitting and self._fits(fault, venue, account, method) and fault.take(account):
                return fault
        return None

    def _fits(self, fault: Fault, venue: str, account: str | None, method: str) -> bool:
        return (
            fault.venue in (None, venue)
            and fault.is_for(account)
            and fault.method in (None, method)
            and not fault.is_over(account)
            and (fault.ends_at is None or self._clock.now() < fault.ends_at)
            and (fault.probability >= 1 or self._random.random() < fault.probability)
        )
