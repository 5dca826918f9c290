"""A master's coins against its own last trade: what came or went without a trade is named, and copied by nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import AccountBalances
from bot.ledger.history import SignalStep

#: Less than this share of the last trade is what its fee took, or what the price moved where it was sized in quote.
_SAME_SHARE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class MasterStanding:
    """One coin of one master, in base.

    Attributes:
        after_trade: what its last trade left it; None when that is not known.
        now: what it has; None when that is not known: never to be read as nothing.
        moved: what came, below zero went, without a trade; None when not known.
    """

    master: AccountId
    base: str
    after_trade: Decimal | None
    now: Decimal | None
    moved: Decimal | None


def master_standings(
    last: Iterable[SignalStep], balances_of: Callable[[AccountId], AccountBalances | None]
) -> list[MasterStanding]:
    """Every coin that a master has traded, by master and coin.

    Args:
        last: the latest signal of each master and symbol, by number; users' corrections among them are left out.
        balances_of: as the venue gave them; None while anything about them is in doubt.
    """
    latest: dict[tuple[AccountId, str], SignalStep] = {}
    for signal in last:
        if signal.master == AccountId.master(signal.master.venue):
            latest[signal.master, split_symbol(signal.symbol)[0]] = signal
    return [_standing(base, signal, balances_of(master)) for (master, base), signal in sorted(latest.items())]


def _standing(base: str, signal: SignalStep, balances: AccountBalances | None) -> MasterStanding:
    size = signal.base_size
    change = size if signal.side is Side.BUY else -size
    after = None if signal.position_before is None else max(signal.position_before + change, ZERO)
    # Balances from before the trade say nothing about what came after it.
    now = None if balances is None or balances.at <= signal.planned_at else balances.holdings.get(base, ZERO)
    moved = None if after is None or now is None else now - after
    if moved is not None and abs(moved) <= size * _SAME_SHARE:
        moved = ZERO
    return MasterStanding(signal.master, base, after, now, moved)
