"""What happened, in the order in which it happened, across all fakes that share one trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

#: Long enough for a busy machine; a test that passes never waits for it.
PATIENCE_S = 30.0


class Trace:
    """A list of (step, details), written from any thread, that can be waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._steps: list[tuple[str, Any]] = []

    def add(self, step: str, detail: Any = None) -> None:
        with self._changed:
            self._steps.append((step, detail))
            self._changed.notify_all()

    @property
    def steps(self) -> list[str]:
        with self._changed:
            return [step for step, _ in self._steps]

    def of(self, step: str) -> list[Any]:
        with self._changed:
            return [detail for name, detail in self._steps if name == step]

    def count(self, step: str) -> int:
        return len(self.of(step))

    def position(self, step: str) -> int:
        """Where a step stands; a step that never happened is a failure that shows what did."""
        steps = self.steps
        assert step in steps, f"{step} never happened; what did: {steps}"
        return steps.index(step)

    def wait_until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        """Wait for any condition, looked at after every step and a hundred times a second."""
        deadline = time.monotonic() + within_s
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"it never came to it; what did: {[step for step, _ in self._steps]}"
                self._changed.wait(min(left, 0.01))

    def wait_for(self, step: str, times: int = 1, within_s: float = PATIENCE_S) -> list[Any]:
        """Wait until a step happened so often; its details."""
        self.wait_until(lambda: sum(name == step for name, _ in self._steps) >= times, within_s)
        return self.of(step)
