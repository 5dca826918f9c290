"""Histories as the ledger gives them, made by hand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from bot.copying.resync import AccountReplay, Standing, replay
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, SignalId, signal_id_of
from bot.ledger.coins import CoinAdjustment
from bot.ledger.history import CopyStep, History, HistoryMark, SignalStep
from bot.settings.users import UserSettings

KRAKEN = BrokerType.KRAKEN
MASTER = AccountId.master(KRAKEN)
ANNA = AccountId("anna", KRAKEN)
PRICE = Decimal(50_000)
BTC = "BTC-USD"
ZERO = Decimal(0)


def a_user(**fields: Any) -> UserSettings:
    """Anna's entry in the users file."""
    return UserSettings.model_validate({"user_id": "anna", "venue": "kraken", **fields})


@dataclass
class Recorded:
    """What the ledger has of a master with $10,000 and of anna with $1,000. Times are counted in seconds."""

    user: UserSettings = field(default_factory=a_user)
    signals: list[SignalStep] = field(default_factory=list)
    copies: list[CopyStep] = field(default_factory=list)
    adjustments: list[CoinAdjustment] = field(default_factory=list)
    coins: dict[str, Decimal] = field(default_factory=dict)
    balances: dict[AccountId, Decimal] = field(default_factory=dict)
    position: Decimal = ZERO
    _orders: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def now(self) -> float:
        """Moves on with every row."""
        return 100.0 * (len(self.signals) + len(self.adjustments) + 1)

    def signal(self, side: Side, size: Any, master: AccountId = MASTER, **fields: Any) -> SignalStep:
        """A trade of the master; its position follows."""
        order_id = fields.pop("order_id", f"O{next(self._orders)}")
        before = fields.pop("position_before", self.position)
        number = len(self.signals) + 1
        values = {
            "number": number,
            "signal_id": signal_id_of(master, f"{order_id}/{number}"),
            "master": master,
            "symbol": BTC,
            "side": side,
            "price": PRICE,
            "size": Decimal(size),
            "size_type": SizeType.BASE,
            "order_id": order_id,
            "master_balance": Decimal(10_000),
            "position_before": before,
            "planned_at": self.now,
            "filled_before": ZERO,
        }
        step = SignalStep(**(values | fields))
        self.signals.append(step)
        if master == MASTER:
            self.position += step.size if side is Side.BUY else -step.size
        return step

    def copy(self, signal: SignalStep, quantity: Any = 0, executed: Any = None, **fields: Any) -> CopyStep:
        """Anna's copy of it, filled as ordered unless told otherwise; her coins follow."""
        state = fields.pop("state", OrderState.FILLED)
        done = Decimal(quantity) if executed is None else Decimal(executed)
        if state not in (OrderState.FILLED, OrderState.PARTIALLY_FILLED):
            done = ZERO
        values = {
            "signal_id": SignalId(signal.signal_id),
            "account": ANNA,
            "leg": 1,
            "symbol": signal.symbol,
            "side": signal.side,
            "state": state,
            "code": "",
            "note": "",
            "balance": Decimal(1_000),
            "quantity": Decimal(quantity),
            "executed": done,
            "cost": done * signal.price,
            "fee": ZERO,
            "fee_currency": "USD",
            "settled_at": signal.planned_at + 1,
        }
        row = CopyStep(**(values | fields))
        self.copies.append(row)
        fee = row.fee if row.fee_currency == "BTC" else ZERO
        moved = row.executed - fee if row.side is Side.BUY else -row.executed - fee
        self.coins[row.symbol] = self.coins.get(row.symbol, ZERO) + moved
        return row

    def buy(self, size: Any, quantity: Any = 0, **fields: Any) -> CopyStep:
        """The master buys; this is anna's copy."""
        return self.copy(self.signal(Side.BUY, size), quantity, **fields)

    def sell(self, size: Any, quantity: Any = 0, **fields: Any) -> CopyStep:
        """The master sells; this is anna's copy."""
        return self.copy(self.signal(Side.SELL, size), quantity, **fields)

    def correct(self, side: Side, quantity: Any, **fields: Any) -> CopyStep:
        """A correction of anna's coins."""
        return self.copy(self.signal(side, quantity, master=ANNA), quantity, **fields)

    def skip(self, code: str, size: Any = "0.1", side: Side = Side.BUY, **fields: Any) -> CopyStep:
        """The master trades, and anna does not, for this reason."""
        return self.copy(self.signal(side, size), state=OrderState.SKIPPED, code=code, **fields)

    def lose(self, quantity: Any, symbol: str = BTC) -> None:
        """Anna sells copied coins by hand, and that is noticed."""
        gone = Decimal(quantity)
        self.adjustments.append(CoinAdjustment(len(self.adjustments) + 1, ANNA, symbol, gone, "by hand", self.now))
        self.coins[symbol] -= gone

    def history(self, after: int = 0) -> History:
        """As the ledger gives it."""
        return History(
            HistoryMark(len(self.signals)),
            [one for one in self.signals if one.number > after],
            [one for one in self.copies if self._number(one) > after],
            self.adjustments,
            {(ANNA, symbol): quantity for symbol, quantity in self.coins.items()},
            self.balances,
        )

    def _number(self, row: CopyStep) -> int:
        return next(one.number for one in self.signals if one.signal_id == row.signal_id)

    def standings(self) -> dict[str, Standing]:
        """How anna stands, by symbol."""
        (replayed,) = replay([AccountReplay.of(self.user, MASTER)], self.history())
        return {one.symbol: one for one in replayed.now.standings(self.history().coins)}

    def btc(self) -> Standing:
        """How anna stands in bitcoin."""
        return self.standings()[BTC]

    def causes(self) -> dict[str, Decimal]:
        """Why anna's bitcoin are not what they should be, without zeros behind the point."""
        return {name: amount.normalize() for name, amount in self.btc().causes}


def changed(recorded: Recorded, row: CopyStep, **fields: Any) -> None:
    """A copy goes on: the row has other values now."""
    recorded.copies[recorded.copies.index(row)] = replace(row, **fields)
