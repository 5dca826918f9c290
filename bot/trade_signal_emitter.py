"""The queue between a master's trade and the copy engine."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.ids import SignalId
from bot.domain.money import positive, to_decimal
from bot.domain.signals import TradeSignal

__all__ = ["ExpectedSignal", "TradeSignal", "TradeSignalEmitter", "emit_trade_signal", "get_signal_emitter"]


@dataclass(frozen=True, slots=True)
class ExpectedSignal:
    """A signal that is likely to come within moments, so that its copies can be made ready; None: it will not come."""

    signal: TradeSignal | None


class TradeSignalEmitter:
    """A thread-safe queue of signals: any master's thread puts, the copy engine takes.

    Args:
        capacity: signals that may wait; one more is refused, and whoever emitted it is told.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._queue: queue.Queue[TradeSignal | ExpectedSignal | None] = queue.Queue(maxsize=capacity)
        self._lock = threading.Lock()
        self._emitted = 0
        self._refused = 0

    def emit(self, signal: TradeSignal) -> bool:
        """Queue a signal; False when the queue is full. Never blocks."""
        try:
            self._queue.put_nowait(signal)
        except queue.Full:
            with self._lock:
                self._refused += 1
            return False
        with self._lock:
            self._emitted += 1
        return True

    def expect(self, signal: TradeSignal | None) -> None:
        """Tell that a signal is likely to come, or that it will not. Never blocks; may be ignored."""
        try:
            self._queue.put_nowait(ExpectedSignal(signal))
        except queue.Full:
            return  # only the head start is lost

    def get_signal(self, timeout: float | None = 1.0) -> TradeSignal | ExpectedSignal | None:
        """The next signal, or word of one; None when none came within ``timeout`` seconds, or after :meth:`wake`."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Let a waiting :meth:`get_signal` return now."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return  # whoever waits has something to take already

    def get_stats(self) -> dict[str, int]:
        """Counts: ``emitted``, ``refused``, ``waiting``, ``capacity``."""
        with self._lock:
            return {
                "emitted": self._emitted,
                "refused": self._refused,
                "waiting": self._queue.qsize(),
                "capacity": self._queue.maxsize,
            }


_emitter_lock = threading.Lock()
_emitter: TradeSignalEmitter | None = None


def get_signal_emitter() -> TradeSignalEmitter:
    """The emitter of this process, made at the first call."""
    global _emitter
    with _emitter_lock:
        if _emitter is None:
            _emitter = TradeSignalEmitter()
        return _emitter


def emit_trade_signal(
    broker: BrokerType | str,
    symbol: str,
    side: Side | str,
    price: Any,
    size: Any,
    size_type: SizeType | str,
    order_id: str,
    master_balance: Any,
    *,
    timestamp: float | None = None,
    position_before: Any = None,
    signal_id: str = "",
) -> bool:
    """Emit a signal through the process's emitter.

    Returns:
        Whether it was queued.

    Raises:
        InvalidAmount: a price, size or balance that is not a finite number above zero.
        ValueError: an unknown venue, side or size type.
    """
    signal = TradeSignal(
        broker=BrokerType(broker),
        symbol=symbol,
        side=Side(side),
        price=positive(price, "price"),
        size=positive(size, "size"),
        size_type=SizeType(size_type),
        order_id=order_id,
        master_balance=positive(master_balance, "master balance"),
        timestamp=time.time() if timestamp is None else timestamp,
        position_before=None if position_before is None else to_decimal(position_before, "position before"),
        signal_id=SignalId(signal_id),
    )
    return get_signal_emitter().emit(signal)
