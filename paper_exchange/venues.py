"""The venues that the process hosts. A further one is a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from paper_exchange.alpaca import setup as alpaca
from paper_exchange.coinbase import setup as coinbase
from paper_exchange.core.venue import Venue
from paper_exchange.core.world import World
from paper_exchange.kraken import setup as kraken

Build = Callable[..., Venue]

BUILDERS: Mapping[str, Build] = {
    "kraken": kraken.build,
    "coinbase": coinbase.build,
    "alpaca": alpaca.build,
}
"""By name: `build(world, **settings)`, where `settings` are fields of Settings that override the venue's own."""


def build_all(world: World, latency_ms: float = 0.0) -> dict[str, Venue]:
    """All venues, without accounts, by name."""
    return {name: build(world, latency_ms=latency_ms) for name, build in BUILDERS.items()}
