"""Lets a caller outside the lane wait for its order."""

from __future__ import annotations

import threading
from dataclasses import replace

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderReport, OrderResult, rejected
from bot.domain.outcomes import Outcome, Unknown


class Waiter:
    """The observer (:class:`bot.domain.ports.OrderObserver`) of an order that somebody waits for."""

    since_ns = 0

    def __init__(self) -> None:
        self._done = threading.Event()
        self._result: OrderResult | None = None
        self._lock = threading.Lock()
        self._begun = False
        self._abandoned = False

    def begin(self) -> bool:
        """Whether the order may be placed: False once its caller was told that it is not."""
        with self._lock:
            self._begun = not self._abandoned
            return self._begun

    def answered(self, order: MarketOrder, outcome: Outcome, state: OrderState, answered_ns: int) -> None:
        """The venue answered."""
        self._result = OrderResult(order.account, order, outcome, state, answered_at_ns=answered_ns)

    def absent(self, order: MarketOrder) -> bool:
        """Whoever placed it decides whether to place another one."""
        return False

    def settled(self, order: MarketOrder, report: OrderReport | None, state: OrderState) -> None:
        """Nothing more will happen."""
        if self._result is not None:
            self._result = replace(self._result, report=report, state=state)
        self._done.set()

    def give_up(self, result: OrderResult) -> None:
        """End the wait with a result of ours."""
        self._result = result
        self._done.set()

    def wait(self, account: AccountId, timeout_s: float) -> OrderResult:
        """The result as it stands when the order has settled, or ``timeout_s`` seconds have passed."""
        self._done.wait(timeout_s)
        with self._lock:
            self._abandoned = not self._begun
        if self._abandoned and self._result is None:
            return rejected(account, f"nothing was sent: the account was busy for {timeout_s:g} s")
        if self._result is None:
            return OrderResult(account, None, Unknown(f"no answer within {timeout_s:g} s"), OrderState.UNKNOWN)
        return self._result
