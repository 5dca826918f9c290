"""What becomes of a decision, and for whom there is one at all."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import Side, SizeType
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import AccountBalances
from bot.domain.outcomes import Unknown
from bot.independent_broker_trader import MINIMUM_FUNDED_BALANCE
from bot.trading_strategy import Action, Position
from tests.unit.independent_broker_trader.desk import KRAKEN, NOON, QUARTER, SYMBOL, Desk, FakeBroker, opened

HELD = Position(Decimal("0.01"), Decimal(50_000), float(NOON - 5 * QUARTER))
USER = AccountId("tania", KRAKEN)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


@pytest.fixture(autouse=True)
def _all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nija.trader")


def holding(**more: Any) -> Desk:
    """An account with 0.01 BTC that the bot bought."""
    broker = FakeBroker(available={"USD": Decimal(10_000), "BTC": Decimal("0.01")})
    return Desk(broker=broker, positions={SYMBOL: HELD}, **more)


class TestOrders:
    def test_a_buy_spends_its_share_of_the_balance(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.strategy.script = {opened(1): Action.BUY}

        desk.run(2)

        assert desk.broker.orders == [(SYMBOL, Side.BUY, Decimal(500), SizeType.QUOTE)]
        assert len(desk.announcer.confirmed) == 1
        assert "MASTER KRAKEN: BUY BTC-USD: the script says so" in lines(caplog)

    def test_a_sell_is_of_the_position(self) -> None:
        desk = holding()
        desk.strategy.script = {opened(1): Action.SELL}

        desk.run(2)

        assert desk.broker.orders == [(SYMBOL, Side.SELL, Decimal("0.01"), SizeType.BASE)]

    def test_a_hold_is_said_to_nobody_who_did_not_ask(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()

        desk.run(2)

        assert desk.broker.orders == []
        assert lines(caplog) == ["MASTER KRAKEN trades BTC-USD by script, candles of 15 min"]
        assert "MASTER KRAKEN: HOLD BTC-USD: nothing to do" in lines(caplog, logging.DEBUG)

    def test_a_candle_is_acted_on_once(self) -> None:
        desk = Desk()
        desk.strategy.always = Action.BUY
        desk.venue.frozen_at = opened(1)
        desk.clock.ends_at = NOON + 3 * QUARTER

        desk.run(2)

        assert desk.strategy.times == [opened(0), opened(1)]
        assert len(desk.broker.orders) == 2

    def test_a_refused_order_is_one_warning_and_not_tried_again_for_this_candle(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = Desk()
        desk.broker.refuses = "kill switch: somebody pulled it"
        desk.strategy.script = {opened(0): Action.BUY}

        desk.run(1)

        assert len(desk.broker.orders) == 1
        assert lines(caplog, logging.WARNING) == [
            "⚠️ MASTER KRAKEN: BUY BTC-USD was not placed: kill switch: somebody pulled it"
        ]

    def test_an_order_of_which_nothing_is_known_is_no_refusal(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.broker.outcome = Unknown("no answer in time")
        desk.strategy.script = {opened(0): Action.BUY}

        desk.run(1)

        (line,) = lines(caplog, logging.ERROR)
        assert "NOT KNOWN whether the order was placed: no answer in time" in line
        assert desk.announcer.confirmed == []

    def test_nothing_is_bought_while_an_earlier_order_is_not_settled(self) -> None:
        desk = Desk()
        desk.broker.settled = False
        desk.strategy.script = {opened(0): Action.BUY}

        desk.run(0)

        assert desk.broker.orders == []

    def test_what_is_held_is_sold_although_an_earlier_order_is_not_settled(self) -> None:
        desk = holding()
        desk.broker.settled = False
        desk.strategy.script = {opened(0): Action.SELL}

        desk.run(0)

        assert [order[1] for order in desk.broker.orders] == [Side.SELL]

    def test_nothing_is_sold_while_an_earlier_order_of_the_same_coins_is_open_and_the_next_candle_decides_anew(
        self,
    ) -> None:
        desk = holding()
        desk.broker.open = {SYMBOL}

        def fill_becomes_known() -> AccountBalances:
            # Too late for the candle at hand, whose positions may be from before it.
            desk.broker.open.clear()
            return desk.broker.balances

        desk.broker.get_account_balance_detailed = fill_becomes_known
        desk.strategy.script = {opened(0): Action.SELL, opened(1): Action.SELL}

        desk.run()

        assert desk.strategy.times == [opened(0), opened(1)]
        assert [order[1] for order in desk.broker.orders] == [Side.SELL]


class TestPositions:
    def test_a_position_is_no_more_than_the_account_holds(self) -> None:
        desk = holding()
        desk.broker.available["BTC"] = Decimal("0.004")

        desk.run(0)

        assert desk.strategy.seen[0][2] == {SYMBOL: replace(HELD, quantity=Decimal("0.004"))}

    def test_coins_that_the_bot_did_not_buy_are_no_position(self) -> None:
        desk = holding()
        desk.broker.available["BTC"] = Decimal(3)

        desk.run(0)

        assert desk.strategy.seen[0][2] == {SYMBOL: HELD}

    @pytest.mark.parametrize("quantity", ["0", "0.00004", "0.00000000001"], ids=["none", "dust", "less than a lot"])
    def test_what_cannot_be_sold_is_left_out(self, quantity: str) -> None:
        desk = holding()
        desk.broker.available["BTC"] = Decimal(quantity)

        desk.run(0)

        assert desk.strategy.seen[0][2] == {}

    def test_what_is_worth_less_than_an_order_is_left_out(self) -> None:
        desk = holding()
        desk.venue.price = lambda _: "40"

        desk.run(0)

        assert desk.strategy.seen[0][2] == {}

    def test_what_the_venue_does_not_list_is_left_out(self) -> None:
        desk = holding()
        desk.broker.instruments = {}

        desk.run(0)

        assert desk.strategy.seen[0][2] == {}

    def test_coins_bound_in_an_order_are_held_and_the_free_ones_sold(self) -> None:
        desk = holding()
        desk.broker.available["BTC"], desk.broker.held["BTC"] = Decimal("0.002"), Decimal("0.008")
        desk.strategy.script = {opened(0): Action.SELL}

        desk.run(0)

        assert desk.strategy.seen[0][2] == {SYMBOL: HELD}
        assert [order[2] for order in desk.broker.orders] == [Decimal("0.002")]

    def test_nothing_is_sold_while_all_is_bound_in_orders(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = holding()
        desk.broker.available["BTC"], desk.broker.held["BTC"] = Decimal(0), Decimal("0.01")
        desk.strategy.script = {opened(0): Action.SELL}

        desk.run(0)

        assert desk.broker.orders == []
        assert "BTC are bound in open orders" in lines(caplog, logging.WARNING)[0]

    def test_positions_that_are_not_known_are_not_taken_for_none(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk(positions=LedgerUnavailable("the disk is full"))
        desk.strategy.always = Action.BUY

        desk.run(1)

        assert desk.broker.orders == []
        assert lines(caplog, logging.WARNING) == ["MASTER KRAKEN: the round failed: the disk is full"]

    def test_what_it_holds_of_other_symbols_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = holding(symbols=("ETH-USD",))

        desk.run(1)

        (line,) = [line for line in lines(caplog) if "leaves alone" in line]
        assert line.endswith("it leaves alone what it holds of BTC-USD")


class TestRestart:
    def test_a_candle_that_an_earlier_process_acted_on_is_not_acted_on_again(self) -> None:
        desk = Desk(last_order_at=NOON + 5.0)
        desk.strategy.always = Action.BUY

        desk.run(1)

        assert desk.strategy.times == [opened(1)]

    def test_a_candle_that_closed_since_the_last_order_is(self) -> None:
        desk = Desk(last_order_at=NOON - 5.0)

        desk.run(0)

        assert desk.strategy.times == [opened(0)]

    def test_a_candle_older_than_two_intervals_is_not(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk()
        desk.venue.frozen_at = opened(-2)
        desk.strategy.always = Action.BUY

        desk.run(0)

        assert desk.broker.orders == []
        assert "frozen" in lines(caplog, logging.WARNING)[0]


class TestMoney:
    def test_an_account_without_it_says_so_once_and_asks_for_no_candles(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk(broker=FakeBroker(available={"USD": Decimal("0.49")}))
        desk.strategy.always = Action.BUY

        desk.run(3)

        assert desk.venue.questions == []
        assert lines(caplog, logging.WARNING) == ["⚠️ MASTER KRAKEN has $0.49: UNDERFUNDED - will NOT trade"]

    def test_the_least_that_trades(self) -> None:
        desk = Desk(broker=FakeBroker(available={"USD": MINIMUM_FUNDED_BALANCE}))

        desk.run(0)

        assert Decimal("0.50") == MINIMUM_FUNDED_BALANCE
        assert desk.strategy.times == [opened(0)]

    def test_an_account_that_gets_money_trades_from_the_next_candle_on(self) -> None:
        desk = Desk(broker=FakeBroker(available={"USD": Decimal(0)}))
        looks = []

        def note() -> None:
            looks.append(desk.clock.time())
            if len(looks) == 2:
                desk.broker.available["USD"] = Decimal(100)

        desk._note_connection = note  # type: ignore[method-assign]
        desk.run(3)

        assert desk.strategy.times == [opened(2), opened(3)]

    def test_what_was_bought_with_all_the_money_is_still_sold(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = holding()
        desk.broker.available["USD"] = Decimal("0.01")
        desk.strategy.script = {opened(0): Action.BUY, opened(1): Action.SELL}

        desk.run(1)

        assert [order[1] for order in desk.broker.orders] == [Side.SELL]
        assert lines(caplog, logging.WARNING) == []


class TestConnection:
    def test_an_account_that_connects_later_trades_from_the_next_candle_on(self) -> None:
        desk = Desk(broker=FakeBroker(connected=False))
        desk.clock.ends_at = NOON + QUARTER + 100
        loop = desk.loop()

        class Connecting(FakeBroker):
            @property
            def balances(self) -> Any:
                self.connected = desk.clock.time() > NOON + QUARTER
                return super().balances

        loop._broker = Connecting()  # type: ignore[assignment]
        loop._run()

        assert desk.strategy.times == [opened(1)]
        assert desk.connections == 1

    def test_one_that_is_not_connected_asks_for_nothing(self) -> None:
        desk = Desk(broker=FakeBroker(connected=False))

        desk.run(2)

        assert (desk.venue.questions, desk.connections) == ([], 0)


class TestWhoCopies:
    def test_an_account_that_copies_has_no_round(self) -> None:
        desk = Desk(broker=FakeBroker(USER), copying=True)
        desk.strategy.always = Action.BUY

        desk.run(2)

        assert desk.venue.questions == []

    def test_what_it_bought_by_itself_before_is_still_sold_and_nothing_bought(self) -> None:
        desk = holding(copying=True)
        desk.broker.account = USER
        desk.strategy.script = {opened(0): Action.BUY, opened(1): Action.SELL}

        desk.run(1)

        assert [order[1] for order in desk.broker.orders] == [Side.SELL]

    def test_a_user_that_does_not_copy_trades(self, caplog: pytest.LogCaptureFixture) -> None:
        desk = Desk(broker=FakeBroker(USER))
        desk.strategy.script = {opened(0): Action.BUY}

        desk.run(0)

        assert len(desk.broker.orders) == 1
        assert desk.announcer.confirmed == []
        assert "USER:tania KRAKEN: BUY BTC-USD, order OID" in lines(caplog)


def test_an_hour_without_news_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    desk.run(9)

    beats = [line for line in lines(caplog) if "; candles of " in line]
    assert len(beats) == 2
    assert beats[0].endswith("UTC: BTC-USD hold")
