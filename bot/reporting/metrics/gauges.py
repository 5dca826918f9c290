"""How the system is, read off it when the figures are asked for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.reporting.live import AccountState, LiveSystem, SystemState

_log = logging.getLogger("nija.metrics")

_ACCOUNT_LABELS = ("account", "venue", "role")
_LANE = "lane"
#: Counted from zero, so that the first restart is seen as a rise.
_SERVICES = (_LANE, "copy engine")

#: Name, what it says, value; None leaves the account out.
_ACCOUNT_FIGURES: tuple[tuple[str, str, Callable[[AccountState], float | None]], ...] = (
    ("nija_account_connected", "1 when the account answers.", lambda one: one.connected),
    ("nija_account_paused", "1 while the venue, or its own failures, keep it from trading.", lambda one: one.paused),
    ("nija_account_barred", "1 when its key may not be used any more.", lambda one: one.barred),
    ("nija_account_entries_stopped", "1 while it gets no entries, only exits.", lambda one: bool(one.entries_stopped)),
    ("nija_account_lane_alive", "1 while the thread that owns the account runs.", lambda one: one.lane_alive),
    ("nija_account_funded", "1 when its balance is enough to trade.", lambda one: _funded(one)),
    ("nija_account_orders_waiting", "Orders sent whose fill is not known.", lambda one: one.waiting_orders),
    # What Prometheus keeps are binary floats; nothing is computed with these.
    ("nija_account_balance_usd", "US dollars that sizes are made with.", lambda one: _number(one.balance)),
    ("nija_account_equity_usd", "US dollars that all its coins are worth.", lambda one: _number(one.equity)),
    ("nija_account_balances_timestamp_seconds", "Unix time of its balances.", lambda one: one.balances_at),
)


class StateCollector(Collector):
    """Makes figures of a system's state at the moment of asking; what cannot be had leaves the others alone.

    Args:
        version: of the program.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._live: LiveSystem | None = None

    def watch(self, live: LiveSystem) -> None:
        """Read this one."""
        self._live = live

    def collect(self) -> Iterable[Metric]:
        """All figures of the moment."""
        yield InfoMetricFamily("nija_build", "The program.", {"version": self._version})
        state = self._state()
        yield GaugeMetricFamily("nija_state_known", "1 when the state below could be read.", value=state is not None)
        if state is not None:
            yield from _of_system(state)
            yield from _of_accounts(state.accounts)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry need not ask the system for the names."""
        return ()

    def _state(self) -> SystemState | None:
        if self._live is None:
            return None
        try:
            return self._live.state()
        except Exception:
            # The counters are worth having where this is not.
            _log.exception("the figures of the moment cannot be read")
            return None


def _of_system(state: SystemState) -> Iterator[Metric]:
    engine = state.engine
    figures = (
        ("nija_start_timestamp_seconds", "Unix time at which the bot started.", state.started_at),
        ("nija_engine_alive", "1 while the copy engine's thread runs.", engine.alive),
        ("nija_engine_heartbeat_age_seconds", "Since the copy engine last went round.", engine.heartbeat_age_s),
        ("nija_observe_mode", "1 while nothing is placed, only planned.", engine.observing),
        ("nija_signals_waiting", "Signals in the queue.", engine.waiting),
        ("nija_kill_switch", "1 while nothing may be traded.", state.stopped is not None),
        ("nija_ledger_healthy", "1 while the ledger can be written.", not state.ledger_error),
    )
    for name, text, value in figures:
        yield GaugeMetricFamily(name, text, value=float(value))
    restarts = CounterMetricFamily(
        "nija_service_restarts", "Threads that died and were started again.", labels=("service",)
    )
    for service, times in _by_service(state.restarts).items():
        restarts.add_metric((service,), times)
    yield restarts


def _by_service(restarts: dict[str, int]) -> Counter[str]:
    """By kind: the lanes are as many as the accounts, and have their own figures."""
    found = Counter(dict.fromkeys(_SERVICES, 0))
    for name, times in restarts.items():
        found[_LANE if name.startswith(f"{_LANE} ") else name] += times
    return found


def _of_accounts(accounts: Iterable[AccountState]) -> Iterator[Metric]:
    labelled = [((str(one.account), one.account.venue.value, one.role.value), one) for one in accounts]
    for name, text, figure in _ACCOUNT_FIGURES:
        family = GaugeMetricFamily(name, text, labels=_ACCOUNT_LABELS)
        for labels, account in labelled:
            value = figure(account)
            if value is not None:
                family.add_metric(labels, float(value))
        yield family
    refused = CounterMetricFamily(
        "nija_account_nonce_errors", "Nonces of its key that the venue refused.", labels=_ACCOUNT_LABELS
    )
    for labels, account in labelled:
        refused.add_metric(labels, account.nonce_errors)
    yield refused


def _funded(account: AccountState) -> bool | None:
    return None if account.balance is None else account.balance >= MINIMUM_FUNDED_BALANCE


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
