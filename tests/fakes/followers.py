"""Users as a plan sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.copying.guards import Follower
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances
from bot.settings.users import UserSettings
from tests.fakes.broker import BTC


@dataclass
class StillBroker:
    """What a plan reads of a broker, as fixed values."""

    account: AccountId
    status: str = "connected"
    connected: bool = True
    paused: bool = False
    doubted: set[str] = field(default_factory=set)
    balances: AccountBalances | None = None
    instruments: dict[str, Instrument] = field(default_factory=lambda: {BTC.symbol: BTC})

    def in_doubt(self, symbol: str) -> bool:
        return symbol in self.doubted

    def instrument(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)


def follower(name: str = "tania", dollars: Any = 1000, **fields: Any) -> Follower:
    """A follower at Kraken with this many dollars; further fields are those of a users file."""
    user = UserSettings.model_validate({"user_id": name, "venue": "kraken", **fields})
    balances = AccountBalances({"USD": Decimal(str(dollars))}, fee_rate=Decimal("0.0026"))
    return Follower(user, StillBroker(AccountId(name, BrokerType.KRAKEN), balances=balances))
