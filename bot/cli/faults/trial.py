"""A master and its users at one venue of a local exchange, traded through every kind of fault."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bot.app import CopyTradingSystem
from bot.cli.books import differences
from bot.cli.common import err, settings_with_log
from bot.cli.faults.figures import FaultFigures, KindFigures, count_orders
from bot.cli.faults.kinds import CALLS, DEADLINES_KEPT, ORDER, FaultKind
from bot.cli.paper import OWN_OPTIONS, PaperExchange, variables_for, write_users
from bot.domain.enums import BrokerType, Side, SizeType
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow
from bot.settings.env import load_settings
from bot.trade_signal_emitter import TradeSignalEmitter

_MASTER_USD, _USER_USD, _TRADE_USD = "100000", "5000", Decimal(2000)
_SYMBOL = "BTC-USD"
#: Accounts whose orders are struck; the master's are not.
_USERS = "user*"
#: A round of buys, a round of sells.
_SIDES = (Side.BUY, Side.SELL)
#: Longer than the longest pause that any of the faults brings about, seconds.
_SETTLED_WITHIN_S = 180.0
_LOOK_S = 0.2


def measure_faults(
    folder: Path, venues: Sequence[BrokerType], users: int, orders: int, kinds: Sequence[FaultKind]
) -> list[FaultFigures]:
    """Trade through every kind of fault, buys and sells alternating, until so many orders were struck at each venue.

    The venues are tried at the same time, each with a bot and an exchange of its own.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=err, transient=True) as progress,
        ThreadPoolExecutor(len(venues), thread_name_prefix="trial") as pool,
    ):

        def measure(venue: BrokerType) -> FaultFigures:
            own = [kind for kind in kinds if venue in kind.venues]
            return _measure_one(folder / venue, venue, users, orders, own, progress)

        return list(pool.map(measure, [venue for venue in venues if any(venue in kind.venues for kind in kinds)]))


def _measure_one(
    folder: Path, venue: BrokerType, users: int, orders: int, kinds: Sequence[FaultKind], progress: Progress
) -> FaultFigures:
    figures = FaultFigures(venue, users, [KindFigures(kind.title) for kind in kinds])
    passes = math.ceil(orders / (users * len(_SIDES) * len(kinds)))
    task = progress.add_task(f"{venue}: connecting accounts", total=passes * len(_SIDES) * len(kinds))
    with ExitStack() as stack:
        exchange = stack.enter_context(PaperExchange())
        trial = _Trial(venue, exchange, _system(stack, venue, exchange, folder, users))
        for _ in range(passes):
            for kind, into in zip(kinds, figures.kinds, strict=True):
                for side in _SIDES:
                    progress.update(task, description=f"{venue}, {side}: {kind.title}")
                    trial.round(kind, side, into)
                    progress.advance(task)
        figures.differences = trial.differences()
    return figures


def _system(
    stack: ExitStack, venue: BrokerType, exchange: PaperExchange, folder: Path, users: int
) -> CopyTradingSystem:
    names = {"master": _MASTER_USD} | {f"user{number:04d}": _USER_USD for number in range(users)}
    master, *followers = exchange.open_accounts(names, venue, **OWN_OPTIONS.get(venue, {}))
    write_users(folder / "users", [user["name"] for user in followers], venue)
    settings = load_settings(variables_for(exchange.urls, folder, [master], followers), dotenv=None)
    settings, log = settings_with_log(settings, level="CRITICAL")
    stack.callback(log.close)
    system = CopyTradingSystem(settings, front_door_switches(), TradeSignalEmitter())
    stack.callback(system.stop)
    system.start()
    return system


class _Trial:
    def __init__(self, venue: BrokerType, exchange: PaperExchange, system: CopyTradingSystem) -> None:
        self._venue = venue
        self._exchange = exchange
        self._system = system
        self._held = Decimal(0)
        self._unsettled: list[str] = []
        self._pause = threading.Event()

    def round(self, kind: FaultKind, side: Side, figures: KindFigures) -> None:
        for fault in kind.ordered_from(self._venue):
            self._exchange.control("POST", "/faults", {"account": _USERS, "each_account": True, **fault})
        self._exchange.control("PATCH", "/settings", dict(kind.settings))
        begun = self._exchange.control("GET", "/health")["time"]
        copies = self._trade(kind, side)
        struck = self._exchange.control("GET", "/faults")
        figures.times += sum(fault["struck"] for fault in struck if fault["method"] in CALLS[self._venue][ORDER])
        self._exchange.control("DELETE", "/faults")
        self._exchange.control("PATCH", "/settings", DEADLINES_KEPT)
        books = self._exchange.control("GET", f"/books?since={begun}")
        count_orders(copies, [order for order in books["orders"] if order["opened_at"] >= begun], figures)

    def differences(self) -> list[str]:
        """What is not settled, and what ledger and books disagree in."""
        self._system.ledger.flush(10.0)
        _, found = differences(self._system.ledger.views, self._exchange.control("GET", "/books"))
        return [f"{self._venue}: {line}" for line in self._unsettled + found]

    def _trade(self, kind: FaultKind, side: Side) -> list[CopyRow]:
        amount, unit = (_TRADE_USD, SizeType.QUOTE) if side is Side.BUY else (self._held, SizeType.BASE)
        report = self._system.trade(self._venue, _SYMBOL, side, amount, unit)
        if not report or report.master.order is None:
            self._unsettled.append(f"{kind.title}: the master did not trade: {report.master.reason}")
            return []
        self._held = self._position()
        if not self._settled():
            self._unsettled.append(f"{kind.title}: copies were not settled within {_SETTLED_WITHIN_S:.0f} s")
        views = self._system.ledger.views
        return views.copies_of(views.recent_signals(1)[0].signal_id)

    def _position(self) -> Decimal:
        # Where fees are taken in coin, less is there than was bought.
        master = self._system.manager.master(self._venue)
        assert master is not None
        return master.get_positions().get("BTC", Decimal(0))

    def _settled(self) -> bool:
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        views = self._system.ledger.views
        while views.open_copies() or views.open_master_orders():
            if time.monotonic() > deadline:
                return False
            self._pause.wait(_LOOK_S)
        return True
