"""The runs of this process's signals, for whoever asks what became of one, and their counts."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from bot.copying.run import SignalRun
from bot.domain.enums import OrderState
from bot.domain.ids import SignalId
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult

#: Runs kept for whoever waits for what becomes of a signal; the ledger has the rest. A copy is some 2 kB.
_RUNS_KEPT = 64
#: Answers that the latency figures are made of.
_LATENCIES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """Since the engine started. Latency: milliseconds from the master's answer to a user's answer."""

    emitted: int
    copied: int
    failed: int
    skipped: dict[str, int]
    latency_ms_median: float | None
    latency_ms_max: float | None


class RunRecords:
    """Safe to use from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._runs: OrderedDict[SignalId, SignalRun] = OrderedDict()
        self._copied_before: deque[SignalId] = deque(maxlen=_RUNS_KEPT)
        self._counts: Counter[str] = Counter()
        self._skips: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    def add(self, run: SignalRun, *, is_new: bool) -> None:
        """Keep a run; a new one is counted, one that an earlier process began is not."""
        with self._changed:
            self._counts["emitted"] += is_new
            self._runs[run.signal.signal_id] = run
            while len(self._runs) > _RUNS_KEPT:
                self._runs.popitem(last=False)
            self._changed.notify_all()

    def known_before(self, signal_id: SignalId) -> None:
        """A signal that an earlier process copied."""
        with self._changed:
            self._copied_before.append(signal_id)
            self._changed.notify_all()

    def wait_for(self, signal_id: SignalId, timeout_s: float) -> SignalRun | None:
        """The run of a signal, once no copy of it is on its way any more.

        Returns:
            None when the signal did not come in time, or an earlier process copied it; the run as it stands when it
            only is not done.
        """
        deadline = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        with self._changed:
            self._changed.wait_for(lambda: signal_id in self._runs or signal_id in self._copied_before, timeout_s)
            run = self._runs.get(signal_id)
        if run is not None:
            run.wait(max(0.0, (deadline - self._clock.monotonic_ns()) / 1e9))
        return run

    def skipped(self, code: str) -> None:
        """Count a copy that does not leave, or not yet."""
        with self._changed:
            self._skips[code] += 1

    def answered(self, result: CopyTradeResult) -> None:
        """Count an answer; of a copy that is in doubt, or waits, only its time."""
        with self._changed:
            if result.state not in (OrderState.UNKNOWN, OrderState.PLANNED):
                self._counts["copied" if result.success else "failed"] += 1
            if result.milliseconds is not None:
                self._latencies.append(result.milliseconds)

    @property
    def counters(self) -> EngineCounters:
        """Counts since the start."""
        with self._changed:
            latencies = sorted(self._latencies)
            return EngineCounters(
                emitted=self._counts["emitted"],
                copied=self._counts["copied"],
                failed=self._counts["failed"],
                skipped=dict(self._skips),
                latency_ms_median=latencies[len(latencies) // 2] if latencies else None,
                latency_ms_max=latencies[-1] if latencies else None,
            )
