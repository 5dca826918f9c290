"""The proof, by behaviour and on a local exchange, that a master's orders become signals and nobody else's do."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from bot.app.venues import make_brokers
from bot.broker_manager import BaseBroker, BrokerManager, BrokerPorts
from bot.cli.common import FAILED, out, settings_with_log
from bot.cli.paper import PaperExchange, variables_for, write_users
from bot.cli.verify import run_script
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId, ClientOrderId, signal_id_of
from bot.domain.orders import OrderResult
from bot.domain.signals import TradeSignal
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.reporting.lines import LogAnnouncer
from bot.runtime.clock import SystemClock
from bot.settings.env import load_settings
from bot.trade_signal_emitter import ExpectedSignal, TradeSignalEmitter

_SYMBOL, _VENUE = "BTC-USD", BrokerType.KRAKEN
_WARNING = "⚠️ User accounts will NOT copy this trade!"
_CONNECT_WITHIN_S = 20.0
#: Seconds in which a signal that comes at all has come.
_SIGNAL_WITHIN_S = 2.0
#: The exchange's clock and this process's are one; what lies between two questions is not.
_SECONDS_APART = 5.0
_MONEY_STEP = Decimal("0.0001")


class _NoEmitter:
    """Fails at every signal."""

    def expect(self, signal: TradeSignal | None) -> None:
        raise ConnectionError("the emitter is broken")

    def emit(self, signal: TradeSignal) -> bool:
        raise ConnectionError("the emitter is broken")


@dataclass
class _Sink:
    """What the brokers emit into; which emitter stands behind it can be changed."""

    emitter: TradeSignalEmitter | _NoEmitter = field(default_factory=TradeSignalEmitter)

    def expect(self, signal: TradeSignal | None) -> None:
        self.emitter.expect(signal)

    def emit(self, signal: TradeSignal) -> bool:
        return self.emitter.emit(signal)

    def next_signal(self) -> TradeSignal | None:
        """The next one; None when none comes. Word of one that is likely to come is no signal."""
        assert isinstance(self.emitter, TradeSignalEmitter)
        ends_at = time.monotonic() + _SIGNAL_WITHIN_S
        while (left_s := ends_at - time.monotonic()) > 0:
            found = self.emitter.get_signal(timeout=left_s)
            if found is not None and not isinstance(found, ExpectedSignal):
                return found
        return None


class _Warnings(logging.Handler):
    """Counts the line that operators look for."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += _WARNING in record.getMessage()


@dataclass
class _Stand:
    """A master and a user of the real program on an exchange of their own; nobody takes the signals but the proof."""

    exchange: PaperExchange
    master: BaseBroker
    user: BaseBroker
    sink: _Sink
    warnings: _Warnings
    names: dict[AccountId, str]

    def books(self, broker: BaseBroker) -> list[dict[str, Any]]:
        """The exchange's own orders of an account, oldest first."""
        books = self.exchange.control("GET", f"/books?account={self.names[broker.account]}")
        found: list[dict[str, Any]] = books["orders"]
        return sorted(found, key=lambda order: float(order["opened_at"]))

    def balances(self, broker: BaseBroker) -> dict[str, Decimal]:
        """What the exchange says that an account has."""
        told = self.exchange.control("GET", f"/accounts/{self.names[broker.account]}")["balances"]
        return {asset: Decimal(amount) for asset, amount in told.items()}

    def price(self, side: Side) -> Decimal:
        """What a market order pays or gets, by the exchange."""
        market = self.exchange.control("GET", f"/market?venue={_VENUE}")
        return Decimal(market[_SYMBOL]["ask" if side is Side.BUY else "bid"])


class _Proofs:
    """Lines with a sign each."""

    def __init__(self) -> None:
        self.failed = 0

    def that(self, what: str, holds: bool, found: object = "") -> bool:
        """One line; what was found instead stands behind one that does not hold."""
        self.failed += not holds
        told = f"{'✅' if holds else '❌'} {what}" + (f": {found}" if found != "" and not holds else "")
        out.print(told, markup=False, highlight=False, soft_wrap=True)
        return holds


def emission_script() -> None:
    """``python verify_kraken_signal_emission.py``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(verify_emission)
    run_script(app)


def verify_emission() -> None:
    """Prove on a local exchange that a master's order becomes a signal, and that a user's does not.

    Starts the exchange, trades on it with the program's own brokers, and compares every signal with the exchange's
    books. No keys, no money. Exit code 1 when a proof fails.
    """
    proofs = _Proofs()
    with (
        tempfile.TemporaryDirectory(prefix="nija-emission-") as folder,
        PaperExchange(["--prices", "fixed"]) as exchange,
        _stand(exchange, Path(folder)) as stand,
    ):
        _prove_master(stand, proofs, Side.BUY, Decimal("0.02"))
        _prove_master(stand, proofs, Side.SELL, Decimal("0.005"))
        _prove_user(stand, proofs)
        _prove_trouble(stand, proofs, "fails", _NoEmitter())
        _prove_trouble(stand, proofs, "is full", _full_emitter())
        _prove_recovered(stand, proofs)
    if proofs.failed:
        out.print(f"❌ {proofs.failed} proofs failed: do not trade with this installation", style="bold red")
        raise typer.Exit(FAILED)
    out.print(
        "✅ SIGNAL EMISSION WORKS: masters emit, users do not, and trouble leaves the trade alone", style="bold green"
    )


@contextmanager
def _stand(exchange: PaperExchange, folder: Path) -> Iterator[_Stand]:
    (lead,) = exchange.open_accounts({"emission.master": "10000"}, _VENUE, tier="Pro")
    (follower,) = exchange.open_accounts({"emission_user": "1000"}, _VENUE, tier="Pro")
    write_users(folder / "users", [follower["name"]], _VENUE)
    settings = load_settings(variables_for(exchange.urls, folder, [lead], [follower]), dotenv=None)
    settings, log = settings_with_log(settings, level="CRITICAL")
    warnings, nija, clock = _Warnings(), logging.getLogger("nija"), SystemClock()
    # The lines are counted, and not shown: two of the proofs cause them.
    nija.setLevel(logging.INFO)
    nija.addHandler(warnings)
    nija.propagate = False
    manager, sink = BrokerManager(), _Sink()
    environment = settings.environment
    try:
        with Ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), clock) as ledger:
            ports = BrokerPorts(KillSwitchGate(False, lambda: False, ledger), ledger, sink, LogAnnouncer(), clock)
            make_brokers(settings, manager, ports, _left_out)
            manager.start()
            try:
                manager.connect(_CONNECT_WITHIN_S)
                (master,), (user,) = manager.masters, [entry.broker for entry in manager.users]
                names = {master.account: lead["name"], user.account: follower["name"]}
                yield _Stand(exchange, master, user, sink, warnings, names)
            finally:
                manager.stop(5.0)
    finally:
        nija.removeHandler(warnings)
        nija.propagate = True
        log.close()


def _left_out(account: AccountId, reason: str) -> None:
    raise NijaError(f"{account}: {reason}")


def _full_emitter() -> TradeSignalEmitter:
    emitter = TradeSignalEmitter(capacity=1)
    emitter.expect(None)
    return emitter


# -- the proofs ------------------------------------------------------------------------------------------------------


def _prove_master(stand: _Stand, proofs: _Proofs, side: Side, size: Decimal) -> None:
    before, price, known = stand.balances(stand.master), stand.price(side), len(stand.books(stand.master))
    result, signal = _trade(stand.master, side, size), stand.sink.next_signal()
    if not proofs.that(f"the MASTER's {side} is accepted", result.order_id is not None, result.reason):
        return
    orders = stand.books(stand.master)
    proofs.that("the exchange has exactly this one order more", len(orders) == known + 1, f"{len(orders) - known}")
    if not proofs.that(f"the MASTER's {side} becomes a signal", signal is not None, "none came"):
        return
    assert signal is not None
    for name, told, true in _fields(signal, orders[-1], before, price, side):
        proofs.that(f"its field {name} is what the exchange's books say", true, told)
    proofs.that("there is one signal of it, not two", stand.sink.next_signal() is None)


def _fields(
    signal: TradeSignal, order: dict[str, Any], before: dict[str, Decimal], price: Decimal, side: Side
) -> Iterator[tuple[str, object, bool]]:
    """Each field's name, what the signal says, and whether the exchange says the same."""
    nothing = Decimal(0)
    master = AccountId.master(_VENUE)
    dollars = sum((before.get(code, nothing) for code in ("USD", "USDT", "USDC")), nothing)
    unit = SizeType.QUOTE if order["volume_in_quote"] else SizeType.BASE
    name = signal_id_of(master, ClientOrderId(order["client_order_id"]))
    rows: list[tuple[str, object, object]] = [
        ("broker", signal.broker, _VENUE),
        ("symbol", signal.symbol, order["symbol"]),
        ("side", (signal.side, signal.side), (order["side"], side)),
        ("price", signal.price, price),
        ("size", signal.size, Decimal(order["volume"])),
        ("size_type", signal.size_type, unit),
        ("order_id", signal.order_id, order["order_id"]),
        ("position_before", signal.position_before, before.get("BTC", nothing)),
        ("signal_id", signal.signal_id, name),
        ("master", signal.master, master),
        ("by_hand", signal.by_hand, False),
        ("filled_before", signal.filled_before, nothing),
        ("complete", signal.is_last_part, True),
    ]
    yield from ((what, told, told == true) for what, told, true in rows)
    # Kraken tells dollars with four decimals, and its books have more.
    balanced = Decimal(0) <= dollars - signal.master_balance < _MONEY_STEP
    yield "master_balance", signal.master_balance, balanced
    apart = abs(signal.timestamp - float(order["opened_at"]))
    yield "timestamp", signal.timestamp, apart <= _SECONDS_APART
    now_ns = time.monotonic_ns()
    yield "made_ns, answered_ns", (signal.made_ns, signal.answered_ns), 0 < signal.made_ns < signal.answered_ns < now_ns


def _prove_user(stand: _Stand, proofs: _Proofs) -> None:
    result = _trade(stand.user, Side.BUY, Decimal("0.001"))
    proofs.that("a USER's order is accepted", result.order_id is not None, result.reason)
    proofs.that("the exchange has it", [one["order_id"] for one in stand.books(stand.user)] == [result.order_id])
    found = stand.sink.next_signal()
    proofs.that("a USER's order becomes no signal", found is None, found)


def _prove_trouble(stand: _Stand, proofs: _Proofs, how: str, emitter: TradeSignalEmitter | _NoEmitter) -> None:
    stand.sink.emitter = emitter
    warned, known = stand.warnings.count, len(stand.books(stand.master))
    result = _trade(stand.master, Side.BUY, Decimal("0.001"))
    stand.sink.emitter = TradeSignalEmitter()
    orders = stand.books(stand.master)
    proofs.that(f"an emitter that {how}: the MASTER's order is accepted all the same", bool(result), result.reason)
    there = len(orders) == known + 1 and orders[-1]["order_id"] == result.order_id
    proofs.that(
        f"an emitter that {how}: the exchange has the order, once, and filled it", there and _filled(orders[-1])
    )
    said = stand.warnings.count - warned
    proofs.that(f"an emitter that {how}: it is warned: {_WARNING}", said == 1, f"{said} warnings")


def _prove_recovered(stand: _Stand, proofs: _Proofs) -> None:
    result = _trade(stand.master, Side.BUY, Decimal("0.001"))
    signal = stand.sink.next_signal()
    same = signal is not None and signal.order_id == result.order_id
    proofs.that("the next order, with a sound emitter, is a signal again", same)


def _filled(order: dict[str, Any]) -> bool:
    return bool(order["status"] == "closed" and Decimal(order["executed"]) == Decimal(order["volume"]))


def _trade(broker: BaseBroker, side: Side, size: Decimal) -> OrderResult:
    return broker.place_market_order(_SYMBOL, side, size, SizeType.BASE)
