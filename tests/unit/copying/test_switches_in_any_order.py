"""Whatever the order of switches, signals and restarts: no entry of a stopped user leaves, and every exit does.

"Leaves" is what reaches the wire. The model knows who may get an entry at every moment; the bot has only its ledger.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, SignalId
from bot.domain.signals import TradeSignal
from bot.ledger.switches import KILL, OBSERVE, pause_of
from bot.trade_signal_emitter import ExpectedSignal
from tests.unit.copying.builders import DAIVON, ENTRY, TANIA
from tests.unit.copying.town import PROVABLE_S, Town

USERS = (TANIA, DAIVON)
accounts = st.sampled_from(USERS)
#: What may happen to a switch.
names = st.sampled_from([KILL, OBSERVE, *map(pause_of, USERS)])
_PATIENCE_S = 130.0


class Switching(RuleBasedStateMachine):
    """The model: which switches are set, who is disabled, and what the master holds."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(USERS).start()
        self.town.work()
        self.set: set[str] = set()
        self.disabled: set[AccountId] = set()
        self.number = 0
        self.held = Decimal(0)
        self.seen = 0

    def teardown(self) -> None:
        self.settle()
        self.town.close()

    # -- what happens ------------------------------------------------------------------------------------------------

    @initialize()
    def everybody_has_something(self) -> None:
        self.copy(self.signal(Side.BUY))
        self.pass_time(5.0)

    @rule(name=names, on=st.booleans(), elsewhere=st.booleans())
    def switch(self, name: str, on: bool, elsewhere: bool) -> None:
        """By a command of this process, or by another process, which is heard of within moments."""
        self.look()
        self.put(name, on)
        if elsewhere:
            self.town.pass_time(0.5)
            self.seen = len(self.submits())
        self.town.gate.refresh()

    @rule(account=accounts, on=st.booleans())
    def enable(self, account: AccountId, on: bool) -> None:
        self.look()
        self.town.enable(account, on)
        (self.disabled.discard if on else self.disabled.add)(account)

    @rule(side=st.sampled_from(Side), foretold=st.booleans(), during=st.none() | st.tuples(names, st.booleans()))
    def trade(self, side: Side, foretold: bool, during: tuple[str, bool] | None) -> None:
        """The master trades; meanwhile a switch may be set, while the plan is committed."""
        if side is Side.SELL and not self.held:
            return
        self.town.clock.advance(1.0)
        signal = self.signal(side)
        if foretold:
            self.town.engine._handle(ExpectedSignal(signal))
        if during is not None:
            self.on_commit(*during)
        self.copy(signal)

    @rule(name=names, on=st.booleans())
    def trade_as_foretold_before_a_switch(self, name: str, on: bool) -> None:
        signal = self.signal(Side.BUY)
        self.town.engine._handle(ExpectedSignal(signal))
        self.switch(name, on, elsewhere=False)
        self.copy(signal)

    @rule(account=accounts, placed=st.booleans())
    def lose(self, account: AccountId, placed: bool) -> None:
        self.town.lose(account, placed)

    @rule(account=accounts)
    def lock_out(self, account: AccountId) -> None:
        self.town.brokers[account]._breaker.pause("EService:Unavailable", 10.0)

    @rule(seconds=st.sampled_from([0.5, 5.0, PROVABLE_S + 5, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.town.pass_time(seconds)

    @rule(away_s=st.sampled_from([0.0, 5.0, 100.0]))
    def restart(self, away_s: float) -> None:
        self.look()
        self.town.restart(0.0) if not away_s else self.town.restart(away_s)
        for account in self.disabled:
            self.town.enable(account, False)
        self.seen = 0

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def look(self) -> None:
        """Nothing that left since the last look was not wanted."""
        submits = self.submits()
        for order in submits[self.seen :]:
            assert not self.set & {KILL, OBSERVE}, f"{order} left while {self.set}"
            if order.side is Side.BUY:
                assert pause_of(order.account) not in self.set, f"{order} left while {self.set}"
                assert order.account not in self.disabled, f"{order} left while disabled"
        self.seen = len(submits)

    def settle(self) -> None:
        """Everybody may trade again, but for who is paused or disabled: all exits happen, the last one takes all."""
        self.put(KILL, False)
        self.put(OBSERVE, False)
        self.town.gate.refresh()
        for broker in self.town.brokers.values():
            broker.submits.clear()
        self.pass_time(_PATIENCE_S)
        self.look()
        # What the master sold in observe mode its users have still: they sell it when it sells next.
        for side in (Side.BUY, Side.SELL):
            self.town.clock.advance(1.0)
            self.copy(self.signal(side))
            self.pass_time(5.0)
        self.pass_time(_PATIENCE_S)
        self.look()
        for account in USERS:
            assert self.town.copied(account) == 0 == self.town.at_the_venue(account), account
            open_rows = [
                row for row in self.town.rows(account) if row.state in (OrderState.PLANNED, OrderState.UNKNOWN)
            ]
            assert not open_rows

    # -- helpers -----------------------------------------------------------------------------------------------------

    def submits(self) -> list[Any]:
        return list(self.town.trace.of("venue.submit"))

    def signal(self, side: Side) -> TradeSignal:
        """A buy of a thousand dollars, or a sale of all that the master has."""
        self.number += 1
        size = Decimal("0.02") if side is Side.BUY else self.held
        return replace(
            ENTRY,
            side=side,
            order_id=f"O-{self.number}",
            size=size,
            position_before=self.held,
            timestamp=self.town.clock.time(),
            signal_id=SignalId(""),
        )

    def copy(self, signal: TradeSignal) -> None:
        self.held = self.held + signal.size if signal.side is Side.BUY else Decimal(0)
        self.town.copy(signal)

    def put(self, name: str, on: bool) -> None:
        if on:
            self.town.ledger.set_switch(name, "because", "tests")
            self.set.add(name)
        else:
            self.town.ledger.lift_switch(name, "tests")
            self.set.discard(name)

    def on_commit(self, name: str, on: bool) -> None:
        begin_plan = self.town.ledger.begin_plan

        def begin(*arguments: Any, **named: Any) -> Any:
            del self.town.ledger.begin_plan
            written = begin_plan(*arguments, **named)
            written.result()
            self.look()
            self.put(name, on)
            self.town.gate.refresh()
            return written

        self.town.ledger.begin_plan = begin  # type: ignore[method-assign]


def test_no_entry_of_a_stopped_user_leaves_and_every_exit_does() -> None:
    run_state_machine_as_test(
        Switching,
        settings=settings(
            max_examples=20, stateful_step_count=15, deadline=None, derandomize=True, phases=[Phase.generate]
        ),
    )
