"""Figures that take long to count, kept for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

#: A figure may take so much of the time: what takes 50 ms to count is counted once a second at most.
_SHARE_OF_TIME = 0.05
_MOST = 16


class Kept(Generic[_Key, _Value]):
    """Answers for keys, each read anew when it is asked for and old enough. Safe to use from any thread.

    Args:
        read: one at a time.
    """

    def __init__(self, read: Callable[[_Key], _Value]) -> None:
        self._read = read
        self._lock = threading.Lock()
        # With each answer: when it may be read anew, monotonic seconds.
        self._answers: dict[_Key, tuple[float, _Value]] = {}

    def get(self, key: _Key) -> _Value:
        """The answer; whatever reading raises."""
        with self._lock:
            known = self._answers.get(key)
            if known is not None and time.monotonic() < known[0]:
                return known[1]
            began = time.monotonic()
            value = self._read(key)
            ended = time.monotonic()
            self._answers.pop(key, None)
            if len(self._answers) >= _MOST:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = ended + (ended - began) / _SHARE_OF_TIME, value
            return value
