"""The numbers that a venue gives its messages, so that a missing one shows."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from bot.brokers.stream.interruptions import Interrupted

_REMEMBERED = 64


class Numbering:
    """Follows the numbers of one connection or one subscription; each is one above the number before."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._recent: OrderedDict[int, Any] = OrderedDict()

    def is_new(self, number: Any, message: Any) -> bool:
        """Whether a message is to be read; False for one that was read before.

        Args:
            number: None for a message without one, which is always new. The first one may be any.

        Raises:
            Interrupted: a number is missing, stands for two messages, or is none.
        """
        if number is None:
            return True
        if isinstance(number, bool) or not isinstance(number, int):
            raise Interrupted("a message's number is no whole number")
        if self._last is not None and number <= self._last:
            self._compare(number, message)
            return False
        if self._last is not None and number != self._last + 1:
            raise Interrupted(f"a message is missing: {number} came after {self._last}")
        self._last = number
        self._recent[number] = message
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return True

    def _compare(self, number: int, message: Any) -> None:
        if number not in self._recent or self._recent[number] != message:
            raise Interrupted(f"number {number} came again, after {self._last}, with another message")
