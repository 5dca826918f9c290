"""A thread is a service: ``start`` begins, ``stop`` only asks, ``join`` waits."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

_log = logging.getLogger("nija.service")


class Service(ABC):
    """A named background thread around :meth:`_run`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def start(self) -> None:
        """Begin. Once only."""
        with self._beginning:
            if self._thread is not None:
                raise RuntimeError(f"{self.name} was started before")
            self._begin()

    def revive(self) -> bool:
        """Begin again where it died; whether it had. One that was asked to end stays ended."""
        with self._beginning:
            if not self.died:
                return False
            self._begin()
            return True

    def stop(self) -> None:
        """Ask to end; returns at once."""
        self._stop.set()

    def join(self, deadline: float) -> bool:
        """Wait until it ended or ``deadline`` (monotonic seconds) passed; whether it ended."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def died(self) -> bool:
        """Whether its thread ended although nobody asked it to."""
        return self._thread is not None and not self._thread.is_alive() and not self._stop.is_set()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._guarded, name=self.name, daemon=True)
        self._thread.start()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException:
            # The last resort of a thread: without it a service would die without a word, of a SystemExit above all.
            _log.exception("%s died", self.name)

    @abstractmethod
    def _run(self) -> None: ...


class Ticker(Service):
    """Calls ``action`` at once and then every ``interval_s`` seconds; an error is logged and the next call comes."""

    def __init__(self, name: str, action: Callable[[], None], interval_s: float) -> None:
        super().__init__(name)
        self._action = action
        self._interval_s = interval_s

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._action()
            except Exception:
                _log.exception("%s failed; it goes on in %s s", self.name, self._interval_s)
            self._stop.wait(self._interval_s)


def stop_all(services: Iterable[Service], within_s: float) -> list[str]:
    """Stop services in the order given and wait for all under one deadline; the names of those that did not end."""
    deadline = time.monotonic() + within_s
    running = list(services)
    for service in running:
        service.stop()
    return [service.name for service in running if not service.join(deadline)]
