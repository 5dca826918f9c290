"""Who trades by itself, and who is told that it does not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bot.broker_manager import BrokerManager
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.independent_broker_trader import CandleFeed, FeedLate, IndependentBrokerTrader, TradingParts, TradingRules
from bot.runtime.supervisor import Supervisor
from bot.settings.users import UserSettings
from bot.trading_strategy import Action, StrategySettings
from tests.unit.independent_broker_trader.desk import (
    KRAKEN,
    NOON,
    PATIENCE_S,
    QUARTER,
    SYMBOL,
    FakeAnnouncer,
    FakeBroker,
    FakeVenue,
    MarketTime,
    ScriptedStrategy,
    carry_out,
    opened,
)

COINBASE = BrokerType.COINBASE


@pytest.fixture(autouse=True)
def _all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nija.trader")


def skipped(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "⏭️" in record.getMessage()]


class House:
    """Masters and users of two venues."""

    def __init__(self) -> None:
        self.clock = MarketTime()
        self.manager = BrokerManager()
        self.strategy = ScriptedStrategy()
        self.venues = {KRAKEN: FakeVenue(self.clock), COINBASE: FakeVenue(self.clock)}

    def master(self, venue: BrokerType = KRAKEN, **fields: Any) -> FakeBroker:
        broker = FakeBroker(AccountId.master(venue), **fields)
        self.manager.add_master(broker)  # type: ignore[arg-type]
        return broker

    def user(self, user_id: str, venue: BrokerType = KRAKEN, **entry: Any) -> FakeBroker:
        broker = FakeBroker(AccountId(user_id, venue))
        self.manager.add_user(UserSettings(user_id=user_id, venue=venue, **entry), broker)  # type: ignore[arg-type]
        return broker

    def trader(self, symbols: tuple[str, ...] = (SYMBOL,)) -> IndependentBrokerTrader:
        rules = TradingRules("script", self.strategy, StrategySettings(), symbols, QUARTER)
        parts = TradingParts(lambda _account: {}, FakeAnnouncer(), self.clock)  # type: ignore[arg-type]
        return IndependentBrokerTrader(self.manager, self.venues, rules, parts)

    def run(self, trader: IndependentBrokerTrader, candles: int = 1) -> None:
        """One account after the other, each through the same candles."""
        begins = self.clock.time()
        for service in trader.services:
            self.clock.ends_at = NOON + candles * QUARTER + QUARTER * 2 / 3
            carry_out(service)
            self.clock.step_wall(begins - self.clock.time())


@pytest.fixture
def house() -> House:
    return House()


class TestWhoTrades:
    def test_every_master_and_no_user(self, house: House) -> None:
        house.master(KRAKEN)
        house.master(COINBASE)
        house.user("tania")
        house.user("loner", copy_from_master=False)

        trader = house.trader()

        assert [service.name for service in trader.services] == ["trader master:kraken", "trader master:coinbase"]

    @pytest.mark.parametrize(
        "entry",
        [
            {"copy_from_master": False},
            {"copy_from_master": False, "follow": "coinbase"},
            {"follow": "coinbase"},
            {"follow": "alpaca"},
        ],
        ids=["follows nobody", "followed somebody", "master not connected", "master not set up"],
    )
    def test_an_independent_user_that_copies_nobody(self, house: House, entry: dict[str, Any]) -> None:
        house.master(KRAKEN)
        house.master(COINBASE, connected=False)
        user = house.user("tania", independent=True, **entry)
        house.strategy.script = {opened(1): Action.BUY}

        house.run(house.trader())

        assert [order[2] for order in user.orders] == [Decimal(500)]

    def test_an_independent_user_whose_master_is_connected_does_not(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        master = house.master(KRAKEN)
        user = house.user("tania", independent=True)
        house.strategy.always = Action.BUY

        house.run(house.trader(), candles=3)

        assert (len(master.orders), user.orders) == (4, [])
        assert skipped(caplog) == ["⏭️ Skipping tania: copy trading active"]

    def test_an_independent_user_waits_for_a_candle_in_case_its_master_connects(self, house: House) -> None:
        master = house.master(KRAKEN, connected=False)
        user = house.user("tania", independent=True)
        house.strategy.always = Action.BUY
        trader = house.trader()
        master.connected = True

        house.run(trader)

        assert user.orders == []

    def test_an_account_of_a_venue_without_candles_does_not(self, house: House) -> None:
        house.master(BrokerType.ALPACA)

        assert house.trader().services == []


class TestSkipped:
    def test_each_follower_of_a_connected_master_once(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        house.master(KRAKEN)
        house.user("tania")
        house.user("daivon_frazier", COINBASE, follow=KRAKEN)
        house.user("loner", copy_from_master=False)

        house.run(house.trader(), candles=3)

        assert skipped(caplog) == [
            "⏭️ Skipping tania: copy trading active",
            "⏭️ Skipping daivon_frazier: copy trading active",
        ]

    def test_nobody_of_a_master_that_is_not_connected(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        house.master(KRAKEN, connected=False)
        house.user("tania")

        house.run(house.trader())

        assert skipped(caplog) == []


class TestSharedCandles:
    def test_accounts_of_one_venue_ask_once(self, house: House) -> None:
        house.master(KRAKEN)
        for name in ("tania", "daivon"):
            house.user(name, copy_from_master=False, independent=True)

        house.run(house.trader(), candles=2)

        assert house.venues[KRAKEN].times == [NOON + 300, NOON + QUARTER + 2, NOON + 2 * QUARTER + 2]

    def test_a_candle_that_was_late_for_one_is_late_for_all(self, house: House) -> None:
        feed = CandleFeed(house.venues[KRAKEN], QUARTER, house.clock)
        house.venues[KRAKEN].frozen_at = opened(0)
        house.clock.advance(QUARTER)
        with pytest.raises(FeedLate):
            feed.committed(SYMBOL, feed.last_close(), threading.Event())
        asked = len(house.venues[KRAKEN].questions)

        with pytest.raises(FeedLate):
            feed.committed(SYMBOL, feed.last_close(), threading.Event())

        assert len(house.venues[KRAKEN].questions) == asked

    def test_many_threads_ask_once(self, house: House) -> None:
        feed = CandleFeed(house.venues[KRAKEN], QUARTER, house.clock)
        close, found = feed.last_close(), []
        threads = [
            threading.Thread(target=lambda: found.append(feed.committed(SYMBOL, close, threading.Event())))
            for _ in range(8)
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)

        assert len(found) == 8
        assert all(candles is found[0] for candles in found)
        assert len(house.venues[KRAKEN].questions) == 1


class RealTime(MarketTime):
    """Half a minute of it passes in a hundredth of a second."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        ended = stop.wait(0.005)
        with self._moving:
            self.advance(min(seconds, 5.0))
        return ended

    _moving = threading.Lock()


@pytest.fixture
def started() -> Iterator[list[Any]]:
    services: list[Any] = []
    yield services
    for service in services:
        service.stop()
    assert all(service.join(time.monotonic() + PATIENCE_S) for service in services)


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestOneLoopsTrouble:
    def test_is_no_other_ones(self, started: list[Any]) -> None:
        house = House()
        house.clock = RealTime()
        house.venues = {KRAKEN: FakeVenue(house.clock), COINBASE: FakeVenue(house.clock)}
        broken, well = house.master(KRAKEN), house.master(COINBASE)
        broken.raises = OSError("no more files")
        house.strategy.always = Action.BUY
        trader = house.trader()
        started += trader.services

        for service in trader.services:
            service.start()

        eventually(lambda: len(well.orders) >= 3 and len(broken.orders) >= 3)
        assert not any(service.died for service in trader.services)

    def test_a_dead_one_is_revived_by_the_supervisor(self, started: list[Any]) -> None:
        house = House()
        house.clock = RealTime()
        house.venues = {KRAKEN: FakeVenue(house.clock)}
        master = house.master(KRAKEN)
        master.raises = SystemExit("an SDK wants to end the process")  # type: ignore[assignment]
        house.strategy.always = Action.BUY
        (service,) = house.trader().services
        supervisor = Supervisor(0.01)
        supervisor.watch(service)
        started += [supervisor, service]

        service.start()
        eventually(lambda: service.died)
        master.raises = None
        supervisor.start()

        eventually(lambda: len(master.orders) >= 3)
        assert supervisor.restarts == {"trader master:kraken": 1}
