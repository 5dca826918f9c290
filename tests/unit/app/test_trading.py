"""What trades by itself, made from the operator's settings."""

from __future__ import annotations

import threading
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bot.app.trading import make_trader, trading_rules_of
from bot.app.venues import MarketKeeper
from bot.broker_manager import BrokerManager
from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.domain.ids import AccountId
from bot.domain.money import ZERO
from bot.runtime.clock import FastClock
from bot.settings.env import Environment
from bot.trading_strategy import Position
from tests.fakes.clock import NOW, SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)


class TestRules:
    def test_those_that_nobody_chose(self) -> None:
        rules = trading_rules_of(Environment())

        assert rules is not None
        assert (rules.name, rules.symbols, rules.interval_s) == ("rsi_ema", ("BTC-USD",), 900)

    def test_those_that_were_chosen(self) -> None:
        rules = trading_rules_of(
            Environment(
                strategy="ema_cross",
                strategy_symbols=" btc-usd, ETH-USD,BTC-USD ,",
                strategy_candle_minutes=1,
                strategy_settings='{"stop_loss": 0.03, "max_positions": 1}',
            )
        )

        assert rules is not None
        assert (rules.name, rules.symbols, rules.interval_s) == ("ema_cross", ("BTC-USD", "ETH-USD"), 60)
        assert (rules.settings.stop_loss, rules.settings.max_positions) == (Decimal("0.03"), 1)

    @pytest.mark.parametrize("name", ["off", "OFF", " off "])
    def test_none_at_all(self, name: str) -> None:
        assert trading_rules_of(Environment(strategy=name, strategy_settings="no JSON")) is None

    @pytest.mark.parametrize(
        ("variables", "says"),
        [
            ({"strategy": "moon"}, r"^STRATEGY: .*'moon'.*there are ema_cross, rsi_ema; off "),
            ({"strategy_symbols": " , "}, r"^STRATEGY_SYMBOLS: .*BTC-USD,ETH-USD"),
            ({"strategy_symbols": "BTC-USD,ETHUSD"}, r"^STRATEGY_SYMBOLS: .*'ETHUSD'"),
            ({"strategy_settings": "{stop_loss: 1}"}, r"^STRATEGY_SETTINGS: is not valid JSON"),
            ({"strategy_settings": "[]"}, r"^STRATEGY_SETTINGS: must be a JSON object"),
            ({"strategy_settings": '{"stop_los": 1}'}, r"^STRATEGY_SETTINGS: .*did you mean stop_loss"),
            ({"strategy_settings": '{"stop_loss": NaN}'}, r"^STRATEGY_SETTINGS: .*stop_loss"),
            ({"strategy_settings": '{"balance_share": 2}'}, r"^STRATEGY_SETTINGS: .*balance_share"),
        ],
        ids=["strategy", "no symbol", "no canonical symbol", "no JSON", "no object", "no setting", "NaN", "no share"],
    )
    def test_what_cannot_be_used_names_its_variable(self, variables: dict[str, Any], says: str) -> None:
        with pytest.raises(SettingsError, match=says):
            trading_rules_of(Environment(**variables))


class FakeLedger:
    """An account's own orders."""

    def __init__(self, opened_at: float, price: Decimal = Decimal(50_000)) -> None:
        self.own = SimpleNamespace(quantity=Decimal("0.01"), average_price=price, opened_at=opened_at)
        self.rows = [
            SimpleNamespace(symbol="ETH-USD", intended_at=opened_at + 9),
            SimpleNamespace(symbol="BTC-USD", intended_at=opened_at + 5),
            SimpleNamespace(symbol="BTC-USD", intended_at=opened_at + 2),
        ]
        self.views = self

    def positions_of(self, account: AccountId) -> dict[str, Any]:
        assert account == MASTER
        return {"BTC-USD": self.own}

    def own_orders_of(self, account: AccountId) -> list[Any]:
        assert account == MASTER
        return self.rows


class FakeVenue:
    def keep_fresh(self, stop: threading.Event) -> None: ...


def trader_of(ledger: FakeLedger, clock: Any = None, **variables: Any) -> Any:
    manager = BrokerManager()
    broker = SimpleNamespace(account=MASTER, account_type=MASTER.account_type)
    manager.add_master(broker)  # type: ignore[arg-type]
    keepers = [MarketKeeper(BrokerType.KRAKEN, FakeVenue())]  # type: ignore[arg-type]
    return make_trader(Environment(**variables), manager, keepers, ledger, None, clock)  # type: ignore[arg-type]


class TestTrader:
    def test_one_loop_a_master(self) -> None:
        trader = trader_of(FakeLedger(NOW))

        assert [service.account for service in trader.services] == [MASTER]

    def test_none_where_the_operator_wants_none(self) -> None:
        assert trader_of(FakeLedger(NOW), strategy="off") is None

    def test_positions_and_orders_are_the_ledgers(self) -> None:
        parts = trader_of(FakeLedger(NOW))._parts

        assert parts.positions_of(MASTER) == {"BTC-USD": Position(Decimal("0.01"), Decimal(50_000), NOW)}
        assert parts.last_order_at(MASTER, "BTC-USD") == NOW + 5
        assert parts.last_order_at(MASTER, "SOL-USD") is None

    def test_a_price_that_is_not_known_is_none(self) -> None:
        parts = trader_of(FakeLedger(NOW, ZERO))._parts

        assert parts.positions_of(MASTER)["BTC-USD"].entry_price is None

    def test_times_are_the_markets(self) -> None:
        clock = FastClock(SettableClock(NOW), NOW - 100, 60.0)

        parts = trader_of(FakeLedger(NOW), clock)._parts

        assert parts.positions_of(MASTER)["BTC-USD"].opened_at == pytest.approx(NOW - 100 + 6_000)
        assert parts.last_order_at(MASTER, "BTC-USD") == pytest.approx(NOW - 100 + 105 * 60)
        assert parts.heartbeat_s == 3_600.0 * 60
