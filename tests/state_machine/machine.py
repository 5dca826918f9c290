"""The world as Hypothesis plays it: trades, faults, time, and the end of processes, in any order."""

from __future__ import annotations

import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import ClassVar
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.domain.enums import Side
from bot.domain.ids import AccountId
from bot.domain.money import ONE, ZERO
from bot.domain.orders import OrderResult
from bot.ledger.entry import open_ledger
from bot.settings.users import UserSettings
from tests.state_machine.broker import Killed, Life
from tests.state_machine.checks import Checks, Problems
from tests.state_machine.clock import WorldClock
from tests.state_machine.events import (
    DISTURBANCES,
    Buy,
    Event,
    FailReads,
    Kill,
    KillSwitch,
    MovePrice,
    PayIn,
    Sell,
    SellByHand,
    SetWallClock,
    TrailBalances,
    Wait,
    deaths,
    events,
    fates,
)
from tests.state_machine.fates import Death, Fate
from tests.state_machine.process import KRAKEN, MASTER, Process, World
from tests.state_machine.venue import INSTRUMENTS, SYMBOLS, Trouble, Venue

#: Who follows, and with what. The keeper's own coins must stay; the handy one trades by hand as well; the named one is
#: at a venue where client order ids are unique for good and orders have no deadline.
USERS: dict[str, dict[str, str]] = {
    "plain": {"USD": "1000"},
    "handy": {"USD": "2000"},
    "keeper": {"USD": "1000", "BTC": "0.5", "SOL": "20", "DOGE": "5000"},
    "small": {"USD": "60"},
    "large": {"USD": "25000"},
    "named": {"USD": "3000"},
}
_MASTER_DOLLARS = Decimal(100_000)
#: A pause of an account lasts 300 s at most; this is how long everything gets to come to rest, seconds.
_REST_S = 30.0
_RESTS = 60


def _of_a_master(fate: Fate) -> Fate:
    # A fee in the coin would leave less than a lot; and what is sold before its fill is known is a part of what was
    # ordered, for who follows.
    at_once = fate.part < ONE
    return replace(
        fate,
        fee_in_coin=False,
        shown_after_s=0.0 if at_once else fate.shown_after_s,
        done_after_s=0.0 if at_once else fate.done_after_s,
    )


def _has_unique_names(account: AccountId) -> bool:
    return account.name == "named"


def _ledger_folder() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None


@dataclass
class Figures:
    """What was played so far, over all machines."""

    machines: int = 0
    steps: int = 0
    orders: int = 0
    deaths: int = 0


class CopyTrading(RuleBasedStateMachine):
    """A master, one to four users, one venue, and one process of the bot after the other."""

    figures: ClassVar[Figures] = Figures()
    _empty_ledger: ClassVar[bytes] = b""
    _handy: ClassVar = AccountId("handy", KRAKEN)

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="nija-state-machine-", dir=_ledger_folder())
        self._problems = Problems()
        self._log = logging.getLogger("nija")
        self._log_was = (self._log.propagate, self._log.level)
        self._log.addHandler(self._problems)
        self._log.propagate = False
        self._log.setLevel(logging.ERROR)
        # Names of orders are random; here they are the same every time.
        numbers = Random(0)

        def name() -> uuid.UUID:
            return uuid.UUID(int=numbers.getrandbits(128), version=4)

        self._names = mock.patch("uuid.uuid4", name)
        self._names.start()
        self._sound = True
        self._process: Process | None = None

    @initialize(
        names=st.lists(st.sampled_from(sorted(USERS)), min_size=1, max_size=4, unique=True),
        traded=st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True),
        without=st.sets(st.sampled_from(DISTURBANCES)),
    )
    def begin(self, names: list[str], traded: list[str], without: set[type]) -> None:
        clock, self._traded, self._without = WorldClock(), traded, without
        self.users = [AccountId(name, KRAKEN) for name in names]
        balances = {MASTER: {"USD": _MASTER_DOLLARS}}
        for user in self.users:
            balances[user] = {code: Decimal(amount) for code, amount in USERS[user.name].items()}
        settings = [UserSettings.model_validate({"user_id": name, "venue": "kraken"}) for name in names]
        self.world = World(clock, Venue(clock, balances, _has_unique_names), settings, self._new_ledger())
        self.checks = Checks(self.world.venue, self.world.ledger_file, self._problems)
        self.world.plans = self.checks.planned
        for user in self.users:
            for code, amount in balances[user].items():
                if user.name == "keeper" and code != "USD":
                    self.checks.keep(user, code, amount)
        self._start(None)
        self.figures.machines += 1

    def _new_ledger(self) -> Path:
        path = Path(self._folder.name) / "ledger.sqlite3"
        if not self._empty_ledger:
            open_ledger(path, WorldClock()).close()
            type(self)._empty_ledger = path.read_bytes()
        path.write_bytes(self._empty_ledger)
        return path

    # -- the process ---------------------------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    def _start(self, death: Death | None) -> None:
        self.life = Life(death)
        self._process = Process(self.world, self.life)
        self._sound = False
        try:
            self._process.start()
        except Killed:
            self._restart(Death(at=0))
        self._sound = True
        self.life.meet(None)

    def _restart(self, death: Death) -> None:
        self.figures.deaths += 1
        self.checks.restarted()
        self.process.ledger.die(death.kept)
        self._start(None if death.again is None else Death(at=death.again))

    def _do(self, action: Callable[[], object], coming: Sequence[Fate] = (), death: Death | None = None) -> None:
        self.world.fates.clear()
        for number, fate in enumerate(coming):
            self.world.fates[self.users[number % len(self.users)]].append(fate)
        self.life.meet(death)
        self.world.clock.pass_s(0.01)
        try:
            self.process.ledger.let_go()
            action()
            self.process.pump()
        except Killed:
            assert death is not None
            self._restart(death)
        self.life.meet(None)

    # -- what happens --------------------------------------------------------------------------------------------

    def _holds(self, account: AccountId, symbol: str) -> Decimal:
        return self.world.venue.holds(account).get(INSTRUMENTS[symbol].base, ZERO)

    def _trade(self, symbol: str, side: Side, quantity: Decimal, size_type: str) -> OrderResult:
        return self.process.trade(symbol, side, quantity, size_type)

    @rule(event=events, coming=st.lists(fates, max_size=4), death=deaths)
    def happens(self, event: Event, coming: list[Fate], death: Death | None) -> None:
        if type(event) in self._without:
            return
        if Kill in self._without:
            death = None
        venue, now_ns = self.world.venue, self.world.clock.monotonic_ns()
        match event:
            case Buy() | Sell():
                self._do(lambda: self._master_trades(event), coming, death)
            case Wait(seconds):
                self._do(lambda: self.process.pass_time(seconds), coming, death)
            case Kill(kept, again):
                self._restart(Death(0, kept, again))
            case SetWallClock(seconds):
                self.world.clock.step_wall(seconds)
            case MovePrice(symbol, factor):
                venue.prices[symbol] *= Decimal(factor)
            case KillSwitch(on):
                self._do(lambda: self._turn_kill_switch(on))
            case FailReads(who, seconds, way):
                venue.troubles[self._somebody(who)] = Trouble(now_ns + int(seconds * 1e9), way)
            case TrailBalances(who, seconds):
                venue.lag_s[self._somebody(who)] = seconds
            case SellByHand(symbol, part):
                self._sell_by_hand(symbol, Decimal(part))
            case PayIn(code, amount):
                if self._handy in self.users:
                    venue.move(self._handy, {code: Decimal(amount)})

    def _master_trades(self, event: Buy | Sell) -> None:
        self.world.fates[MASTER].append(_of_a_master(event.own))
        symbol = event.symbol if event.symbol in self._traded else self._traded[0]
        if isinstance(event, Buy):
            self._trade(symbol, Side.BUY, Decimal(event.dollars), "quote")
        elif self._holds(MASTER, symbol):
            self._trade(symbol, Side.SELL, self._holds(MASTER, symbol) * Decimal(event.part), "base")

    def _turn_kill_switch(self, on: bool) -> None:
        if on:
            self.process.ledger.set_kill_switch("test", "machine")
        else:
            self.process.ledger.lift_kill_switch("machine")
        self.process.gate.refresh()

    def _sell_by_hand(self, symbol: str, part: Decimal) -> None:
        instrument, venue = INSTRUMENTS[symbol], self.world.venue
        if self._handy in self.users:
            sold = instrument.floor_size(self._holds(self._handy, symbol) * part)
            venue.move(self._handy, {instrument.base: -sold, "USD": sold * venue.prices[symbol]})

    def _somebody(self, who: int) -> AccountId:
        return MASTER if who < 0 else self.users[who % len(self.users)]

    # -- what must be true ---------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        if self._process is None:
            return
        self.figures.steps += 1
        self._sound = False
        self.process.ledger.catch_up()
        self.checks.step()
        self._sound = True

    def teardown(self) -> None:
        try:
            if self._process is not None and self._sound:
                self._come_to_rest_and_sell_out()
        finally:
            self._end()

    def _come_to_rest_and_sell_out(self) -> None:
        self.world.venue.troubles.clear()
        self.world.venue.lag_s = dict.fromkeys(self.world.venue.lag_s, 0.0)
        self._do(lambda: self._turn_kill_switch(False))
        self._rest()
        for symbol in SYMBOLS:
            if not self._holds(MASTER, symbol):
                self.checks.sold_out(self.users, symbol)
        for symbol in SYMBOLS:
            self._sell_out(symbol)
        self._rest()
        for symbol in SYMBOLS:
            self.checks.sold_out(self.users, symbol)
        self.figures.orders += len(self.world.venue.orders)

    def _rest(self) -> None:
        self._do(lambda: self.process.pass_time(_REST_S))
        for _ in range(_RESTS):
            self.process.ledger.flush(5.0)
            if not self.checks.open_rows:
                break
            self._do(lambda: self.process.pass_time(_REST_S))
        self._do(lambda: self.process.pass_time(_REST_S))
        self.process.ledger.flush(5.0)
        self.checks.at_rest(self.users)

    def _sell_out(self, symbol: str) -> None:
        held = self._holds(MASTER, symbol)
        if not held:
            return
        if INSTRUMENTS[symbol].is_below_minimum(held, self.world.venue.prices[symbol], Side.SELL):
            self._do(lambda: self._trade(symbol, Side.BUY, Decimal(300), "quote"))
            self._rest()
        results: list[OrderResult] = []
        self._do(lambda: results.append(self._trade(symbol, Side.SELL, self._holds(MASTER, symbol), "base")))
        assert not self._holds(MASTER, symbol), f"the master could not sell its {symbol}: {results}"

    def _end(self) -> None:
        if self._process is not None:
            self._process.ledger.die(kept=0)
        self._names.stop()
        self._log.removeHandler(self._problems)
        self._log.propagate = self._log_was[0]
        self._log.setLevel(self._log_was[1])
        shutil.rmtree(self._folder.name, ignore_errors=True)
        self._folder.cleanup()
