"""A ledger, its audit log, and what a comparison of the two finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.app.auditing import Auditing, LedgerComparison, audit_queries_of
from bot.audit.check import ChainCheck, whole_lines_end
from bot.domain.enums import OrderState
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.journal import Ledger
from bot.reporting.events import EventHub
from bot.runtime.clock import SystemClock
from tests.unit.ledger.builders import copies_for, fill_of, order_of, report_of, signal_of, users


def trade(ledger: Ledger, name: str, copies: int = 5) -> None:
    """A signal with its copies, all of which are filled."""
    signal = signal_of(name)
    planned = copies_for(signal, users(copies))
    ledger.record_plan(signal, planned)
    for copy in planned:
        order, trade_id = order_of(copy), f"{name}-{copy.account.name}"
        ledger.answered(order, Accepted(VenueOrderId(trade_id)), OrderState.ACCEPTED)
        ledger.settled(order, report_of(fill_of(trade_id), order_id=trade_id), OrderState.FILLED)


@contextmanager
def auditing(url: str, data: Path, hub: EventHub | None = None, **more: float) -> Iterator[Auditing]:
    """The log of a ledger; not started."""
    with audit_queries_of(url) as queries:
        clock = SystemClock()
        yield Auditing(data, queries, hub or EventHub(clock), clock, **more)


def write_down(url: str, data: Path, hub: EventHub | None = None) -> None:
    """Everything that the ledger has."""
    with auditing(url, data, hub) as log:
        assert log.finish(30)


def found(url: str, data: Path) -> tuple[list[str], LedgerComparison]:
    """Every fault, in words; and what was compared."""
    comparison = LedgerComparison()
    folder = data / "audit"
    check = ChainCheck(folder, comparison.take, whole_lines_end(folder))
    while not check.advance(1000):
        pass
    check.finish()
    with audit_queries_of(url) as queries:
        faults = [*check.faults, *comparison.compare(queries, queries.audit_mark().event)]
    return [str(fault) for fault in faults], comparison
