"""One account's coins of one symbol while its history is replayed: what should be there, what is, and the causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.copying.resync.causes import (
    BELOW_MINIMUM,
    BY_HAND,
    CAPPED,
    EXPECTED,
    FAILED,
    OBSERVED,
    ON_ITS_WAY,
    OTHER_MASTER,
    OTHER_SHARE,
    OTHER_SIZE,
    ROUNDING,
    UNEXPLAINED,
    Standing,
    exact,
    total,
)
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.money import ONE, ZERO
from bot.domain.states import MOVED_ASIDE, OPEN_STATES
from bot.ledger.history import CopyStep

#: Refusals of a part of an order whose share goes into its next part, and the causes that they are.
_CARRIED = {"below minimum": BELOW_MINIMUM, "cap reached": CAPPED}
#: Other reasons with which orders come to nothing that have a cause of their own here.
_CAUSES = _CARRIED | {"nothing to sell": BY_HAND, "below the minimum": BELOW_MINIMUM}
_ENDED_SHORT = (OrderState.REJECTED, OrderState.FAILED, OrderState.PARTIALLY_FILLED)
_DUST_NOTE = "the rest would be dust"

#: Rounding is less than this share of an order, or worth less than this many dollars.
_ROUNDING_SHARE, _ROUNDING_USD = Decimal("0.01"), ONE
#: A correction that comes so close, as a share of it, has ended the drift; what is left of it is rounding.
_CLOSE = Decimal("0.001")
#: No venue's coin is divided so far: what is left of a computation.
_NOTHING = Decimal("1E-18")


@dataclass(slots=True)
class Place:
    """Amounts in base; ``price`` is the last signal's, in quote.

    Attributes:
        causes: all but rounding, which is what they leave open.
        carried: by order of the master, which may come in parts: what its parts so far lack, and the cause of that.
        kept: the share that the last exit left.
        unknown: entries whose share is not known.
    """

    symbol: str
    should: Decimal = ZERO
    has: Decimal = ZERO
    price: Decimal = ZERO
    causes: dict[str, Decimal] = field(default_factory=dict)
    carried: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    kept: Decimal = ONE
    unknown: int = 0

    def copy(self) -> Place:
        """One that goes its own way from here."""
        return replace(self, causes=dict(self.causes), carried=dict(self.carried))

    def add(self, cause: str, amount: Decimal) -> None:
        """More of a cause; below zero less of it, or a surplus."""
        changed = self.causes.get(cause, ZERO) + exact(amount)
        if abs(changed) > _NOTHING:
            self.causes[cause] = changed
        else:
            self.causes.pop(cause, None)

    # -- what happens --------------------------------------------------------------------------------------------

    def enter(self, ideal: Decimal, order_id: str, copy: CopyStep) -> None:
        """The master bought, and this is what came of the account's share."""
        ideal = exact(ideal * self.kept if copy.code == "master has sold since" else ideal)
        self.should += ideal
        before = self.carried.pop(order_id, None)
        if copy.state in MOVED_ASIDE:
            self._not_entered(ideal, order_id, copy, before)
            return
        if before is not None:
            self.add(before[0], -before[1])
        short = ideal + (before[1] if before else ZERO) - copy.quantity
        if copy.note.startswith("capped"):
            self._carry(order_id, CAPPED, short)
        elif self._is_much(short, ideal):
            self.add(OTHER_SIZE, short)
        self.has += _moved(copy)
        if copy.state in OPEN_STATES:
            self.add(ON_ITS_WAY, copy.quantity - copy.executed)
        elif copy.state in _ENDED_SHORT:
            self.add(FAILED, max(copy.quantity - copy.executed, ZERO))

    def miss(self, ideal: Decimal, cause: str) -> None:
        """The master bought, and the account was not even asked."""
        self.should += exact(ideal)
        self.add(cause, ideal)

    def leave(self, share: Decimal, legs: Sequence[CopyStep], absent: str, *, goes_on: bool) -> None:
        """The master sold a share of its coins.

        Args:
            legs: what was sold here for it.
            absent: the cause where nothing was even planned.
            goes_on: earlier parts of the same order went before: this one may catch up what they left.
        """
        kept = ONE - share
        due = exact(share * self.has)
        self.should = exact(self.should * kept)
        self._scale(kept)
        self.kept = kept
        if not kept:
            self.unknown = 0
            self.carried.clear()
        self.has += total(_moved(leg) for leg in legs)
        waits = total(leg.quantity - leg.executed for leg in legs if leg.state in OPEN_STATES)
        self.add(ON_ITS_WAY, -waits)
        left = due + total(_moved(leg) for leg in legs) - waits
        if not legs or legs[0].state in MOVED_ASIDE:
            self.add(_cause_of(legs[0]) if legs else absent, -left)
        elif left < 0:
            self._sold_more(-left, due, legs, goes_on=goes_on)
        else:
            failed = legs[-1].quantity - legs[-1].executed if legs[-1].state in _ENDED_SHORT else ZERO
            failed = min(max(failed, ZERO), left)
            self.add(FAILED, -failed)
            if self._is_much(left - failed, due):
                self.add(OTHER_SHARE, failed - left)

    def correct(self, legs: Sequence[CopyStep]) -> None:
        """A correction on request; what it ordered is no drift any more, whatever the venue still does with it."""
        ordered, sign = ZERO, ONE if legs[0].side is Side.BUY else -ONE
        for leg in legs:
            self.has += _moved(leg)
            if leg.state in OPEN_STATES:
                self.add(ON_ITS_WAY, sign * (leg.quantity - leg.executed))
            whole = leg.state in OPEN_STATES or leg.state is OrderState.FILLED
            ordered += sign * (leg.quantity if whole else leg.executed)
        drift = total(amount for name, amount in self.causes.items() if name not in EXPECTED)
        if not ordered or drift * ordered <= 0:
            return
        left = drift - ordered
        if left * drift <= 0 or abs(left) <= abs(drift) * _CLOSE:
            left = ZERO
        if legs[0].note.startswith("capped"):
            self.add(CAPPED, left)
            left = ZERO
        self._scale(left / drift, but=EXPECTED)

    def lose(self, quantity: Decimal) -> None:
        """Coins were sold or moved by hand."""
        self.has -= quantity
        self.add(BY_HAND, quantity)

    def follow_another(self, legs: Sequence[CopyStep]) -> None:
        """A trade of a master that the account followed before."""
        moved = total(_moved(leg) for leg in legs)
        self.has += moved
        self.add(OTHER_MASTER, -moved)

    # -- what comes of it ----------------------------------------------------------------------------------------

    def standing(self, account: AccountId, master: AccountId, coins: Decimal) -> Standing:
        """How it stands; ``coins``: what the ledger says that copying holds."""
        causes = dict(self.causes)
        rest = self.should - self.has - total(causes.values())
        if rest:
            causes[ROUNDING] = rest
        if self.has != coins:
            causes[UNEXPLAINED] = self.has - coins
        return Standing(
            account, self.symbol, master, self.should, coins, tuple(causes.items()), self.price, self.unknown
        )

    def _not_entered(self, ideal: Decimal, order_id: str, copy: CopyStep, before: tuple[str, Decimal] | None) -> None:
        if copy.code in _CARRIED:
            if before is not None:
                self.add(before[0], -before[1])
            self._carry(order_id, _CARRIED[copy.code], ideal + (before[1] if before else ZERO))
            return
        # Its share is not caught up; that of the parts before it may still be.
        if before is not None:
            self.carried[order_id] = before
        self.add(_cause_of(copy), ideal)

    def _carry(self, order_id: str, cause: str, amount: Decimal) -> None:
        self.carried[order_id] = (cause, exact(amount))
        self.add(cause, amount)

    def _sold_more(self, more: Decimal, due: Decimal, legs: Sequence[CopyStep], *, goes_on: bool) -> None:
        if goes_on:
            surplus = -total(amount for name, amount in self.causes.items() if amount < 0 and name not in EXPECTED)
            caught_up = min(more, surplus)
            if caught_up:
                for name, amount in list(self.causes.items()):
                    if amount < 0 and name not in EXPECTED:
                        self.add(name, -amount * caught_up / surplus)
            more -= caught_up
        if any(leg.note == _DUST_NOTE for leg in legs):
            self.add(BELOW_MINIMUM, more)
        elif self._is_much(more, due):
            self.add(OTHER_SHARE, more)

    def _scale(self, factor: Decimal, but: frozenset[str] = frozenset()) -> None:
        scaled = {name: amount if name in but else exact(amount * factor) for name, amount in self.causes.items()}
        self.causes = {name: amount for name, amount in scaled.items() if abs(amount) > _NOTHING}
        self.carried = {
            order: (name, amount if name in but else exact(amount * factor))
            for order, (name, amount) in self.carried.items()
        }

    def _is_much(self, amount: Decimal, of: Decimal) -> bool:
        return abs(amount) > abs(of) * _ROUNDING_SHARE and abs(amount) * self.price > _ROUNDING_USD


def _cause_of(copy: CopyStep) -> str:
    if copy.state is OrderState.OBSERVED:
        return OBSERVED
    return _CAUSES.get(copy.code, copy.code) or copy.state.value.lower()


def _moved(copy: CopyStep) -> Decimal:
    """Coins that a leg brought, below zero took: a fee taken in the coin itself is gone on either side."""
    fee = copy.fee if copy.fee_currency == split_symbol(copy.symbol)[0] else ZERO
    return copy.executed - fee if copy.side is Side.BUY else -copy.executed - fee
