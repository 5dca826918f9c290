"""The figures as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from bot.domain.ports import Clock
from bot.reporting.live import LiveSystem
from bot.reporting.metrics.counting import MetricsListener
from bot.reporting.metrics.gauges import StateCollector

#: Of what :meth:`Metrics.render` gives.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The figures of one process. Safe to use from any thread.

    Args:
        version: of the program.
        clock: the one that signals are stamped with.

    Attributes:
        listener: to be told all announcements; its ``happened`` takes operator events.
    """

    def __init__(self, version: str, clock: Clock) -> None:
        self._registry = CollectorRegistry()
        self.listener = MetricsListener(self._registry, clock)
        self._state = StateCollector(version)
        self._registry.register(self._state)
        ProcessCollector(registry=self._registry)

    def watch(self, live: LiveSystem) -> None:
        """Show the state of this system from now on."""
        self._state.watch(live)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, UTF-8; asks no venue and no database."""
        return generate_latest(_WithoutBirths(self._registry))


class _WithoutBirths(Collector):
    """Leaves out when each series began: twice the size, for what a fall of the count tells as well."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
