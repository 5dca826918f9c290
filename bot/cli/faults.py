"""Orders whose answers get lost in every way there is, counted at the exchange."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.app import CopyTradingSystem
from bot.cli.books import differences
from bot.cli.common import err, settings_with_log
from bot.cli.paper import PaperExchange, variables_for, write_users
from bot.cli.tables import table
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.errors import SettingsError
from bot.domain.states import AT_THE_VENUE, OPEN_STATES
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow
from bot.settings.env import load_settings

_MASTER_USD, _USER_USD, _TRADE_USD = "100000", "5000", Decimal(2000)
_SYMBOL = "BTC-USD"
#: Accounts whose orders are struck; the master's are not.
_USERS = "user*"
#: Both sides: a round of buys, a round of sells.
_SIDES = 2
#: Longer than the longest pause that any of the faults brings about, seconds.
_SETTLED_WITHIN_S = 180.0
_LOOK_S = 0.2
#: States that do not say why there is no order.
_NO_END = AT_THE_VENUE | OPEN_STATES

_Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way in which answers get lost.

    Attributes:
        name: for ``--only``.
        title: for people.
        faults: as the exchange's control API takes them, each once for every user.
        settings: of the exchange, while this kind lasts.
    """

    name: str
    title: str
    faults: tuple[_Fault, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def _order(kind: str, **more: Any) -> _Fault:
    return {"method": "AddOrder", "kind": kind, **more}


def _after(kind: str, **more: Any) -> _Fault:
    return _order(kind, when="after", **more)


def _error(text: str, **more: Any) -> _Fault:
    return _order("error", text=text, **more)


def _look_ups(kind: str, **more: Any) -> tuple[_Fault, ...]:
    return tuple({"method": method, "kind": kind, **more} for method in ("OpenOrders", "ClosedOrders"))


_LOST = _after("http_502")
_IGNORED, _KEPT = {"deadline_enforced": False}, {"deadline_enforced": True}

KINDS = (
    FaultKind("reset-before", "reset, not executed", (_order("reset"),)),
    FaultKind("reset-after", "reset after execution", (_after("reset"),)),
    FaultKind("time-out", "no answer after execution", (_after("hang", seconds=12),)),
    FaultKind("502-before", "HTTP 502, not executed", (_order("http_502"),)),
    FaultKind("502-after", "HTTP 502 after execution", (_LOST,)),
    FaultKind("520-after", "HTTP 520 after execution", (_after("http_520"),)),
    FaultKind("html", "a web page after execution", (_after("html"),)),
    FaultKind("truncated", "half an answer", (_after("truncated"),)),
    FaultKind("empty", "an answer without an order id", (_after("empty_result"),)),
    FaultKind("late", "reset, matched 3 s later", (_order("delayed_landing", seconds=3, text="reset"),)),
    FaultKind(
        "late-6", "reset, matched 6 s later, past its deadline", (_order("delayed_landing", seconds=6, text="reset"),),
        _IGNORED,
    ),
    FaultKind("too-late", "reset, refused 6 s later", (_order("delayed_landing", seconds=6, text="reset"),), _KEPT),
    FaultKind("unavailable", "EService:Unavailable after execution", (_error("EService:Unavailable", when="after"),)),
    FaultKind("busy", "EService:Busy, not executed", (_error("EService:Busy"),)),
    FaultKind("deadline", "EService:Deadline elapsed", (_error("EService:Deadline elapsed"),)),
    FaultKind("nonce", "EAPI:Invalid nonce", (_order("invalid_nonce"),)),
    FaultKind("order-rate", "EOrder:Rate limit exceeded", (_error("EOrder:Rate limit exceeded"),)),
    FaultKind("call-rate", "EAPI:Rate limit exceeded", (_error("EAPI:Rate limit exceeded"),)),
    FaultKind(
        "internal", "EGeneral:Internal error after execution", (_error("EGeneral:Internal error", when="after"),)
    ),
    FaultKind(
        "not-unique", "cl_ord_id not unique",
        (_error("EGeneral:Invalid arguments:cl_ord_id not unique", when="after"),),
    ),
    FaultKind("partial", "partly filled, the rest cancelled", (_order("partial_fill"),)),
    FaultKind("look-ups-lag", "502, look-ups trail by 6 s", (_LOST, *_look_ups("stale_query", seconds=6, times=None))),
    FaultKind(
        "look-ups-fail", "502, look-ups fail three times",
        (_LOST, *_look_ups("http_503"), *_look_ups("html")[:1]),
    ),
    FaultKind("twice-lost", "reset, then 502 for the second attempt", (_order("reset"), _LOST)),
    FaultKind(
        "combined", "reset, matched 3 s later, look-ups trail, fail and find no fill",
        (
            _order("delayed_landing", seconds=3, text="reset"),
            *_look_ups("http_503"),
            *_look_ups("stale_query", seconds=6, times=None),
            {"method": "QueryOrders", "kind": "empty_query", "times": 2},
        ),
    ),
)  # fmt: skip


@dataclass(slots=True)
class KindFigures:
    """What one kind of fault came to.

    Attributes:
        times: orders that were struck, counted by the exchange.
        expected: copies that the plans gave a size.
        placed: users' orders in the exchange's own books.
        reasons: copies that ended with a recorded reason instead of an order.
        lost: copies with neither.
        twice: orders more than copies, by account.
        seconds: from the plan until the fill was known, one entry a copy.
    """

    title: str
    times: int = 0
    expected: int = 0
    placed: int = 0
    reasons: int = 0
    lost: int = 0
    twice: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class FaultFigures:
    """All kinds, and every line in which ledger and books differed at the end."""

    users: int
    kinds: list[KindFigures] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, nothing came twice and both sides tell the same."""
        return not self.differences and not any(kind.lost or kind.twice for kind in self.kinds)


def chosen_kinds(names: Sequence[str]) -> tuple[FaultKind, ...]:
    """The kinds of these names; all of them without any.

    Raises:
        SettingsError: there is no such kind.
    """
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"there is no fault {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(known[name] for name in names) or KINDS


def measure_faults(folder: Path, users: int, orders: int, kinds: Sequence[FaultKind]) -> FaultFigures:
    """Trade through every kind of fault, buys and sells alternating, until so many orders were struck."""
    figures = FaultFigures(users, [KindFigures(kind.title) for kind in kinds])
    passes = math.ceil(orders / (users * _SIDES * len(kinds)))
    with ExitStack() as stack:
        exchange = stack.enter_context(PaperExchange())
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        progress = stack.enter_context(Progress(*columns, console=err, transient=True))
        task = progress.add_task("connecting accounts", total=passes * _SIDES * len(kinds))
        trial = _Trial(exchange, _system(stack, exchange, folder, users))
        for _ in range(passes):
            for kind, into in zip(kinds, figures.kinds, strict=True):
                for side in (Side.BUY, Side.SELL):
                    progress.update(task, description=f"{side}: {kind.title}")
                    trial.round(kind, side, into)
                    progress.advance(task)
        figures.differences = trial.differences()
    return figures


def _system(stack: ExitStack, exchange: PaperExchange, folder: Path, users: int) -> CopyTradingSystem:
    names = {"master": _MASTER_USD} | {f"user{number:04d}": _USER_USD for number in range(users)}
    master, *followers = exchange.open_accounts(names, tier="Pro")
    write_users(folder / "users", [user["name"] for user in followers])
    settings = load_settings(variables_for(exchange, folder, master, followers), dotenv=None)
    settings, log = settings_with_log(settings, level="CRITICAL")
    stack.callback(log.close)
    system = CopyTradingSystem(settings, front_door_switches())
    stack.callback(system.stop)
    system.start()
    return system


class _Trial:
    def __init__(self, exchange: PaperExchange, system: CopyTradingSystem) -> None:
        self._exchange = exchange
        self._system = system
        self._held = Decimal(0)
        self._unsettled: list[str] = []
        self._pause = threading.Event()

    def round(self, kind: FaultKind, side: Side, figures: KindFigures) -> None:
        for fault in kind.faults:
            self._exchange.control("POST", "/faults", {"account": _USERS, "each_account": True, **fault})
        self._exchange.control("PATCH", "/settings", kind.settings)
        begun = self._exchange.control("GET", "/health")["time"]
        copies = self._trade(kind, side)
        struck = self._exchange.control("GET", "/faults")
        figures.times += sum(fault["struck"] for fault in struck if fault["method"] == "AddOrder")
        self._exchange.control("DELETE", "/faults")
        self._exchange.control("PATCH", "/settings", _KEPT)
        books = self._exchange.control("GET", f"/books?since={begun}")
        count_orders(copies, [order for order in books["orders"] if order["opened_at"] >= begun], figures)

    def differences(self) -> list[str]:
        """What is not settled, and what ledger and books disagree in."""
        self._system.ledger.flush(10.0)
        _, found = differences(self._system.ledger.views, self._exchange.control("GET", "/books"))
        return self._unsettled + found

    def _trade(self, kind: FaultKind, side: Side) -> list[CopyRow]:
        amount, unit = (_TRADE_USD, SizeType.QUOTE) if side is Side.BUY else (self._held, SizeType.BASE)
        report = self._system.trade(BrokerType.KRAKEN, _SYMBOL, side, amount, unit)
        if not report or report.master.order is None:
            self._unsettled.append(f"{kind.title}: the master did not trade: {report.master.reason}")
            return []
        self._held = report.master.order.quantity
        if not self._settled():
            self._unsettled.append(f"{kind.title}: copies were not settled within {_SETTLED_WITHIN_S:.0f} s")
        views = self._system.ledger.views
        return views.copies_of(views.recent_signals(1)[0].signal_id)

    def _settled(self) -> bool:
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        views = self._system.ledger.views
        while views.open_copies() or views.open_master_orders():
            if time.monotonic() > deadline:
                return False
            self._pause.wait(_LOOK_S)
        return True


def count_orders(copies: Sequence[CopyRow], orders: Sequence[dict[str, Any]], figures: KindFigures) -> None:
    """Hold the plan of one signal against what the exchange's books have since.

    Args:
        copies: all of one signal.
        orders: as the control API gives them, the master's too.
        figures: what is found is added to them.
    """
    placed = Counter(order["account"] for order in orders if order["account"] != "master")
    sized = [copy for copy in copies if copy.quantity]
    expected = Counter(copy.account.name for copy in sized)
    refused = Counter(copy.account.name for copy in sized if copy.state not in _NO_END and copy.reason)
    figures.expected += expected.total()
    figures.placed += placed.total()
    figures.reasons += refused.total()
    # Counters drop what is below zero.
    figures.lost += (expected - placed - refused).total()
    figures.twice += (placed - expected).total()
    figures.seconds += [copy.settled_at - copy.planned_at for copy in sized if copy.settled_at is not None]


def faults_table(figures: FaultFigures) -> Table:
    """The figures as people read them, with a total."""
    rows = [_row(kind) for kind in figures.kinds]
    if len(rows) > 1:
        rows.append(_row(_total(figures.kinds)))
    columns = (
        "fault",
        "times",
        "orders expected",
        "at the venue",
        "with a reason",
        "lost",
        "twice",
        "seconds to settle",
        "longest",
    )
    title = f"{figures.users} users; orders expected by the plans, orders found in the exchange's own books"
    return table(title, columns, rows, right=columns[1:])


def _row(kind: KindFigures) -> tuple[str, ...]:
    counts = (kind.times, kind.expected, kind.placed, kind.reasons, kind.lost, kind.twice)
    seconds = (statistics.median(kind.seconds), max(kind.seconds)) if kind.seconds else ()
    return (kind.title, *(f"{count:,}" for count in counts), *(f"{value:.1f}" for value in seconds or ()))


def _total(kinds: Sequence[KindFigures]) -> KindFigures:
    total = KindFigures("all")
    for kind in kinds:
        for name in ("times", "expected", "placed", "reasons", "lost", "twice", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(kind, name))
    return total


def faults_as_json(figures: FaultFigures) -> dict[str, Any]:
    """All figures, for scripts; seconds of every copy."""
    return {
        "users": figures.users,
        "sound": figures.sound,
        "faults": [
            {
                "fault": kind.title,
                "times": kind.times,
                "expected": kind.expected,
                "at_the_venue": kind.placed,
                "with_a_reason": kind.reasons,
                "lost": kind.lost,
                "twice": kind.twice,
                "seconds": [round(value, 2) for value in kind.seconds],
            }
            for kind in [*figures.kinds, _total(figures.kinds)]
        ],
        "differences": figures.differences,
    }
