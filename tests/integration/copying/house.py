"""A whole copy trading system in this process, on real accounts of a paper exchange."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal, localcontext
from pathlib import Path
from typing import Any

from bot.app import CopyTradingSystem, MasterTradeReport
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.signals import CopyTradeResult, TradeSignal
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow
from bot.settings.env import Settings, load_settings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.paper_exchange.client import Paper, Trader

KRAKEN = BrokerType.KRAKEN
MASTER = AccountId.master(KRAKEN)
SYMBOL = "BTC-USD"
LOT = Decimal("0.00000001")
#: At the quiet exchange.
ASK, BID = Decimal(50005), Decimal(49995)
#: Variables with which an order is proven absent five seconds after it was sent.
SOON = {"ORDER_DEADLINE_S": "2", "ORDER_SETTLE_S": "0.3"}
#: A test that passes never waits for it.
PATIENCE_S = 60.0
_houses = itertools.count(1)


@dataclass
class House:
    """Accounts at the exchange and a system that copies between them.

    Attributes:
        master_balances: of the master's account.
        users: user id -> its account's balances.
        entries: user id -> further fields of its entry in the users file.
        accounts: user id -> further fields of its account at the exchange.
        variables: further environment variables.
    """

    paper: Paper
    folder: Path
    users: dict[str, dict[str, str]]
    master_balances: dict[str, str] = field(default_factory=lambda: {"USD": "10000"})
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    logins: dict[str, Trader] = field(default_factory=dict)
    _system: CopyTradingSystem | None = None

    def __post_init__(self) -> None:
        prefix = f"house{next(_houses)}"
        self.logins["master"] = self._open("master", self.master_balances, prefix)
        for user_id, balances in self.users.items():
            self.logins[user_id] = self._open(user_id, balances, prefix)

    def _open(self, who: str, balances: dict[str, str], prefix: str) -> Trader:
        return self.paper.open(balances, name=f"{prefix}.{who}", tier="Pro", **self.accounts.get(who, {}))

    # -- the system ----------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """What the operator of this house has set."""
        users = self.folder / "users"
        users.mkdir(exist_ok=True)
        entries = [{"user_id": user_id, **self.entries.get(user_id, {})} for user_id in self.users]
        (users / "retail_kraken.json").write_text(json.dumps(entries), encoding="utf-8")
        variables = {
            "KRAKEN_API_URL": self.paper.kraken_url,
            "NIJA_DATA_DIR": str(self.data),
            "NIJA_USERS_DIR": str(users),
            "KRAKEN_TIER": "Pro",
            "STRATEGY": "off",
            "WATCH_MASTER": "false",
        }
        for who, login in self.logins.items():
            name = "KRAKEN_MASTER" if who == "master" else f"KRAKEN_USER_{who.upper()}"
            variables |= {f"{name}_API_KEY": login.key, f"{name}_API_SECRET": login.secret}
        return load_settings(variables | self.variables, dotenv=None)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def system(self) -> CopyTradingSystem:
        """The running system."""
        assert self._system is not None
        return self._system

    def start(self) -> House:
        """Start it; queued signals of other systems do not reach it."""
        self._system = CopyTradingSystem(self.settings(), front_door_switches(), TradeSignalEmitter())
        self._system.start()
        return self

    def stop(self) -> None:
        """Stop it; everything has to end."""
        system, self._system = self._system, None
        if system is not None:
            assert system.stop(10.0) == []

    def trade(self, side: str, quantity: Any, unit: str = "quote", symbol: str = SYMBOL) -> MasterTradeReport:
        """A master's trade, with all its copies ended."""
        report = self.system.trade(KRAKEN, symbol, side, quantity, unit)
        assert not report or report.complete, report
        return report

    # -- what became of it ---------------------------------------------------------------------------------------

    def user_names(self) -> list[str]:
        """The users' accounts, as the exchange names them."""
        return [self.logins[user_id].name for user_id in self.users]

    def orders(self, who: str) -> list[dict[str, Any]]:
        """The exchange's own books of one account."""
        found: list[dict[str, Any]] = self.logins[who].books()["orders"]
        return found

    def user_orders(self) -> dict[str, list[dict[str, Any]]]:
        """Of every user that has an order."""
        return {user_id: orders for user_id in self.users if (orders := self.orders(user_id))}

    def held(self, who: str, asset: str = "BTC") -> Decimal:
        """What the exchange's books say that an account has."""
        return Decimal(self.paper.account(self.logins[who])["balances"].get(asset, "0"))

    def copied(self, who: str) -> Decimal:
        """Coins that this account's orders at the exchange have added up to."""
        total = Decimal(0)
        for order in self.orders(who):
            executed = Decimal(order["executed"])
            total += executed if order["side"] == "buy" else -executed
        return total

    def rows(self, report: MasterTradeReport) -> dict[str, CopyRow]:
        """The ledger's rows of a trade's copies, by user."""
        assert self.system.ledger.flush(PATIENCE_S)
        assert report.copies, report
        return {row.user_id: row for row in self.system.ledger.views.copies_of(report.copies[0].signal_id)}

    def history(self, name: ClientOrderId | None) -> list[OrderState | None]:
        """The states that an order came through, in order."""
        assert name is not None
        assert self.system.ledger.flush(PATIENCE_S)
        return [event.to_state for event in self.system.ledger.views.events_of(name)]

    def blind(self, *who: str) -> None:
        """Let the venue answer no question of these accounts for its orders by name."""
        for name in who:
            login = self.logins[name].name
            for method in ("OpenOrders", "ClosedOrders"):
                self.paper.fault("http_503", account=login, method=method, times=None)

    def journal(self, **wanted: str) -> list[dict[str, Any]]:
        """What the exchange was asked, in the order in which it arrived."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        requests: list[dict[str, Any]] = self.paper.get(f"/requests?{query}")["requests"]
        return sorted(requests, key=lambda request: request["arrived_ns"])


def by_user(copies: tuple[CopyTradeResult, ...] | list[CopyTradeResult]) -> dict[str, CopyTradeResult]:
    """Results by user id; nobody stands there twice."""
    found = {copy.user_id: copy for copy in copies}
    assert len(found) == len(copies)
    return found


def floor_lot(size: Decimal) -> Decimal:
    """Down to Kraken's eight decimals."""
    return size.quantize(LOT, ROUND_DOWN)


def entry_size(
    master_size: Decimal,
    master_balance: Decimal,
    user_balance: Decimal,
    price: Decimal,
    *,
    multiplier: Decimal = Decimal(1),
    risk: Decimal = Decimal("0.10"),
    cap_usd: Decimal | None = None,
    payable_usd: Decimal | None = None,
    fee_rate: Decimal = Decimal("0.0026"),
) -> Decimal:
    """DESIGN section 6, written a second time: what a user has to buy, base."""
    with localcontext(prec=60):
        size = master_size * user_balance / master_balance * multiplier
        caps = [risk * user_balance / price]
        if cap_usd is not None:
            caps.append(cap_usd / price)
        if payable_usd is not None:
            caps.append(payable_usd / (1 + fee_rate) / price)
        return floor_lot(min(size, *caps))


def exit_size(copied: Decimal, master_sold: Decimal, master_before: Decimal) -> Decimal:
    """DESIGN section 6, written a second time: what a user has to sell, base; dust left out."""
    with localcontext(prec=60):
        return floor_lot(copied * master_sold / master_before)


def signal_of(side: str = "buy", size: str = "0.01", order_id: str = "OHAND1-AAAAA-BBBBBB", **more: Any) -> TradeSignal:
    """A trade that the master made by its own hand."""
    fields: dict[str, Any] = {
        "broker": KRAKEN,
        "symbol": SYMBOL,
        "side": Side(side),
        "price": ASK,
        "size": Decimal(size),
        "size_type": SizeType.BASE,
        "order_id": order_id,
        "master_balance": Decimal(10_000),
        "timestamp": time.time(),
        "position_before": Decimal(0),
    }
    return TradeSignal(**(fields | more))
