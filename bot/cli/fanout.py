"""The fan-out measured at the exchange, beside two ways without a bot."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from bot.app import CopyTradingSystem
from bot.brokers.kraken.bare import BareFanout, krakenex_fanout, libcurl_fanout
from bot.cli.common import err, settings_with_log
from bot.cli.faults.kinds import CALLS, ORDER
from bot.cli.paper import OWN_OPTIONS, PaperExchange, variables_for, write_users
from bot.cli.tables import table
from bot.domain.enums import BrokerType, Side, SizeType
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import load_settings

_MASTER_USD, _USER_USD, _TRADE_USD = "100000", "1000", "1500"
_SYMBOL, _PAIR, _VOLUME = "BTC-USD", "XBTUSD", "0.0001"

_BOT, _KRAKENEX, _LIBCURL = "the bot", "bare krakenex, one thread an account", "bare libcurl, one thread an account"

MakeFanout = Callable[[str, list[dict[str, str]]], BareFanout]


#: Ways without a bot, there for Kraken's protocol: the names of their accounts, and what makes them.
_BARE: dict[str, tuple[str, MakeFanout]] = {_KRAKENEX: ("kex", krakenex_fanout), _LIBCURL: ("curl", libcurl_fanout)}


@dataclass(slots=True)
class FanoutFigures:
    """What was measured: milliseconds from the exchange's answer to the master, one entry a round.

    Attributes:
        last_ms: until the last user's order arrived, by way.
        median_ms: until half of them had arrived.
        memory_mb: peak resident memory of the bot's process before the bare ways were set up.
        threads: of the bot, likewise.
        faults: what was refused or lost.
    """

    venue: BrokerType
    users: int
    latency_ms: int
    last_ms: dict[str, list[float]] = field(default_factory=dict)
    median_ms: dict[str, list[float]] = field(default_factory=dict)
    memory_mb: float = 0.0
    threads: int = 0
    faults: list[str] = field(default_factory=list)


def measure_fanout(
    folder: Path, users: int, latency_ms: int, rounds: int, venue: BrokerType = BrokerType.KRAKEN
) -> FanoutFigures:
    """Measure the bot, and on Kraken two ways without a bot beside it, in one run, alternating."""
    figures = FanoutFigures(venue, users, latency_ms)
    bare = _BARE if venue is BrokerType.KRAKEN else {}
    with ExitStack() as stack:
        exchange = stack.enter_context(PaperExchange())
        progress = stack.enter_context(Progress(console=err, transient=True))
        task = progress.add_task("setting up", total=(1 + len(bare)) * (1 + rounds))
        prefixes = {_BOT: "bot", **{way: prefix for way, (prefix, _) in bare.items()}}
        groups = {way: _open_group(exchange, venue, prefix, users) for way, prefix in prefixes.items()}
        ways: dict[str, Callable[[], None]] = {_BOT: _bot_way(stack, exchange, folder, groups[_BOT], venue)}
        figures.memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures.threads = threading.active_count()
        progress.advance(task)
        for way, (_, make) in bare.items():
            ways[way] = _bare_way(stack, exchange, groups[way], make)
            progress.advance(task)
        exchange.control("PATCH", "/settings", {"latency_ms": latency_ms})
        progress.update(task, description="measuring")
        for _ in range(rounds):
            for way, trade in ways.items():
                exchange.control("DELETE", "/requests")
                trade()
                _read(exchange, figures, way, groups[way])
                progress.advance(task)
    return figures


def _open_group(exchange: PaperExchange, venue: BrokerType, prefix: str, users: int) -> list[dict[str, str]]:
    names = {f"{prefix}master": _MASTER_USD} | {f"{prefix}{number:04d}": _USER_USD for number in range(users)}
    return exchange.open_accounts(names, venue, **OWN_OPTIONS.get(venue, {}))


def _bot_way(
    stack: ExitStack, exchange: PaperExchange, folder: Path, group: list[dict[str, str]], venue: BrokerType
) -> Callable[[], None]:
    master, *users = group
    write_users(folder / "users", [user["name"] for user in users], venue)
    settings = load_settings(variables_for(exchange.urls, folder, [master], users), dotenv=None)
    settings, log = settings_with_log(settings, level="WARNING")
    stack.callback(log.close)
    system = CopyTradingSystem(settings, front_door_switches())
    stack.callback(system.stop)
    system.start()

    def trade() -> None:
        system.trade(venue, _SYMBOL, Side.BUY, _TRADE_USD, SizeType.QUOTE)

    return trade


def _bare_way(
    stack: ExitStack, exchange: PaperExchange, group: list[dict[str, str]], make: MakeFanout
) -> Callable[[], None]:
    # In a process of its own, as the bot is: ways that share one would slow each other down.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(
        target=_serve_bare, args=(there, make, exchange.urls[BrokerType.KRAKEN], group), daemon=True
    )
    process.start()
    stack.callback(process.join, 10)
    stack.callback(here.send, None)
    here.recv()

    def trade() -> None:
        here.send((_PAIR, _VOLUME))
        here.recv()

    return trade


def _serve_bare(orders: Connection, make: MakeFanout, url: str, group: list[dict[str, str]]) -> None:
    with make(url, group) as fanout:
        orders.send("ready")
        while (order := orders.recv()) is not None:
            fanout.trade(*order)
            orders.send("done")


def _read(exchange: PaperExchange, figures: FanoutFigures, way: str, group: list[dict[str, str]]) -> None:
    (method,) = CALLS[figures.venue][ORDER]
    requests = exchange.control("GET", f"/requests?method={method}")["requests"]
    master = next((one for one in requests if one["account"] == group[0]["name"]), None)
    orders = [one for one in requests if one["account"] != group[0]["name"]]
    refused = sorted({one["error"] for one in requests if one["error"]})
    if refused:
        figures.faults.append(f"{way}: refused: {', '.join(refused)}")
    if master is None or len(orders) != figures.users:
        figures.faults.append(f"{way}: {len(orders)} of {figures.users} users' orders arrived")
        return
    delays = sorted((one["arrived_ns"] - master["answered_ns"]) / 1e6 for one in orders)
    figures.last_ms.setdefault(way, []).append(delays[-1])
    figures.median_ms.setdefault(way, []).append(statistics.median(delays))


def fanout_table(figures: FanoutFigures) -> Table:
    """The figures as people read them: medians over the rounds, with the range of the last user's."""
    floor = statistics.median(figures.last_ms.get(_LIBCURL) or [0.0])
    rows = []
    for way, last in figures.last_ms.items():
        median = statistics.median(last)
        rows.append(
            (
                way,
                f"{statistics.median(figures.median_ms[way]):.1f}",
                f"{median:.1f}",
                f"{min(last):.1f} - {max(last):.1f}",
                f"{median / floor:.2f}" if floor else "-",
            )
        )
    title = (
        f"{figures.venue.capitalize()}, {figures.users} users, the exchange answers after {figures.latency_ms} ms\n"
        f"milliseconds after the master's answer, medians of {len(figures.last_ms.get(_BOT, []))} rounds\n"
        f"the bot: {figures.memory_mb:.0f} MB, {figures.threads} threads"
    )
    columns = ("way", "half the users", "last user", "range", "times bare libcurl")
    return table(title, columns, rows, right=columns[1:])


def figures_as_json(figures: FanoutFigures) -> dict[str, Any]:
    """All rounds, for scripts."""
    return {
        "venue": figures.venue,
        "users": figures.users,
        "latency_ms": figures.latency_ms,
        "last_ms": figures.last_ms,
        "median_ms": figures.median_ms,
        "memory_mb": figures.memory_mb,
        "threads": figures.threads,
        "faults": figures.faults,
    }
