"""How late the last user's order arrives after a master traded by hand, by socket and by questions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from bot.app import CopyTradingSystem
from bot.cli.common import err, settings_with_log
from bot.cli.faults.kinds import CALLS, ORDER
from bot.cli.paper import OWN_OPTIONS, PaperExchange, variables_for, write_users
from bot.cli.tables import table
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import load_settings

_MASTER_USD, _USER_USD, _VOLUME = "100000", "1000", "0.03"
_SYMBOL = "BTC-USD"
_READY_WITHIN_S = 30.0
_ARRIVED_WITHIN_S = 30.0
#: Seconds without a request after which all is said about a trade.
_QUIET_S = 1.0
#: Seconds between two looks at the exchange.
_LOOK_S = 0.02

SOCKET, QUESTIONS = "by socket", "by questions"


@dataclass(slots=True)
class ByHandFigures:
    """What was measured: milliseconds from placing the order by hand, one entry a round.

    Attributes:
        last_ms: until the last user's order arrived, by way.
        median_ms: until half of them had arrived.
        faults: what did not arrive, or came twice.
    """

    venue: BrokerType
    users: int
    latency_ms: int
    poll_s: float
    last_ms: dict[str, list[float]] = field(default_factory=dict)
    median_ms: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def measure_by_hand(
    folder: Path, users: int, latency_ms: int, rounds: int, poll_s: float, venue: BrokerType
) -> ByHandFigures:
    """Measure both ways one after the other, each on an exchange of its own."""
    figures = ByHandFigures(venue, users, latency_ms, poll_s)
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("measuring", total=2 * rounds)
        for way in (SOCKET, QUESTIONS):
            _measure(folder / way.replace(" ", "-"), figures, way, rounds, lambda: progress.advance(task))
    return figures


def _measure(folder: Path, figures: ByHandFigures, way: str, rounds: int, advance: Callable[[], None]) -> None:
    venue = figures.venue
    with ExitStack() as stack:
        exchange = stack.enter_context(PaperExchange(("--prices", "fixed")))
        names = {"master": _MASTER_USD} | {f"user{number:04d}": _USER_USD for number in range(figures.users)}
        master, *users = exchange.open_accounts(names, venue, **OWN_OPTIONS.get(venue, {}))
        write_users(folder / "users", [user["name"] for user in users], venue)
        variables = variables_for(exchange.urls, folder, [master], users)
        variables |= {"WATCH_MASTER": "true", "WATCH_POLL_S": str(figures.poll_s)}
        if way == SOCKET:
            variables[f"{venue.upper()}_WS_URL"] = exchange.socket_urls[venue]
        settings, log = settings_with_log(load_settings(variables, dotenv=None), level="ERROR")
        stack.callback(log.close)
        system = CopyTradingSystem(settings, front_door_switches(), unattended=True)
        stack.callback(system.stop)
        system.start()
        _wait_until(lambda: _watches(system, exchange, way), _READY_WITHIN_S, f"the master is not watched {way}")
        exchange.control("PATCH", "/settings", {"latency_ms": figures.latency_ms})
        for _ in range(rounds):
            _round(exchange, figures, way)
            advance()


def _watches(system: CopyTradingSystem, exchange: PaperExchange, way: str) -> bool:
    account = next(iter(system.manager.masters)).account
    heard = any(account.name in one["accounts"] for one in exchange.control("GET", "/sockets"))
    return _is_marked(system, account) and (heard or way == QUESTIONS)


def _is_marked(system: CopyTradingSystem, account: AccountId) -> bool:
    return system.ledger.watch(account) is not None


def _round(exchange: PaperExchange, figures: ByHandFigures, way: str) -> None:
    (method,) = CALLS[figures.venue][ORDER]
    exchange.control("DELETE", "/requests")
    order = {"account": "master", "symbol": _SYMBOL, "side": "buy", "type": "market", "volume": _VOLUME}
    placed_ns = time.monotonic_ns()
    exchange.control("POST", "/orders", order)

    def arrived() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = exchange.control("GET", f"/requests?method={method}")["requests"]
        return found

    try:
        _wait_until(lambda: len(arrived()) >= figures.users, _ARRIVED_WITHIN_S, "orders are missing")
    except NijaError:
        figures.faults.append(f"{way}: {len(arrived())} of {figures.users} users' orders arrived")
        return
    _wait_until_quiet(exchange)
    requests = arrived()
    if len(requests) != figures.users:
        figures.faults.append(f"{way}: {len(requests)} orders of {figures.users} users arrived")
    delays = sorted((one["arrived_ns"] - placed_ns) / 1e6 for one in requests)
    figures.last_ms.setdefault(way, []).append(delays[-1])
    figures.median_ms.setdefault(way, []).append(statistics.median(delays))


def _wait_until_quiet(exchange: PaperExchange) -> None:
    """Until the users' fills and balances have been asked for, as they are before a trade by command."""
    count, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal count, since
        now = len(exchange.control("GET", "/requests")["requests"])
        if now != count:
            count, since = now, time.monotonic()
        return time.monotonic() - since > _QUIET_S

    _wait_until(is_quiet, _ARRIVED_WITHIN_S, "the exchange is asked again and again")


def _wait_until(true: Callable[[], bool], within_s: float, otherwise: str) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            raise NijaError(otherwise)
        # The exchange is another process: its journal brings no event with it.
        time.sleep(_LOOK_S)


def by_hand_table(figures: ByHandFigures) -> Table:
    """The figures as people read them: medians over the rounds, with the range of the last user's."""
    rows = [
        (
            way if way == SOCKET else f"{way}, every {figures.poll_s:g} s",
            f"{statistics.median(figures.median_ms[way]):.1f}",
            f"{statistics.median(last):.1f}",
            f"{min(last):.1f} - {max(last):.1f}",
        )
        for way, last in figures.last_ms.items()
    ]
    rounds = max((len(last) for last in figures.last_ms.values()), default=0)
    title = (
        f"{figures.venue.capitalize()}, {figures.users} users, the exchange answers after {figures.latency_ms} ms\n"
        f"milliseconds after the master placed an order by hand, medians of {rounds} rounds"
    )
    columns = ("way", "half the users", "last user", "range")
    return table(title, columns, rows, right=columns[1:])


def by_hand_as_json(figures: ByHandFigures) -> dict[str, Any]:
    """All rounds, for scripts."""
    return {
        "venue": figures.venue,
        "users": figures.users,
        "latency_ms": figures.latency_ms,
        "poll_s": figures.poll_s,
        "last_ms": figures.last_ms,
        "median_ms": figures.median_ms,
        "faults": figures.faults,
    }
