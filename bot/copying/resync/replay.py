"""An account's history, signal by signal. Pure: recorded rows in, how it stands out."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from bot.copying.resync.causes import DIGITS, NOT_SET_UP, OTHER_QUOTE, Standing
from bot.copying.resync.place import Place
from bot.domain.enums import Side
from bot.domain.ids import AccountId, SignalId
from bot.domain.instruments import split_symbol
from bot.domain.money import ONE, ZERO
from bot.domain.states import OPEN_STATES
from bot.ledger.coins import CoinAdjustment
from bot.ledger.history import CopyStep, History, SignalStep
from bot.settings.users import UserSettings

#: Reasons with which an account that was not asked for its balance stands in the ledger with none.
_BALANCE_UNKNOWN = frozenset({"account not connected", "kill switch", "symbol not listed"})


@dataclass(slots=True)
class AccountReplay:
    """One account, as far as it is replayed.

    Attributes:
        number: of the last signal that is in it.
        applied: written-off coins that are in it.
        balance: US dollars, as last known; for entries at which it was not.
        fed: by symbol of the master, those in which this account was to hold what it bought.
    """

    account: AccountId
    master: AccountId
    multiplier: Decimal
    symbol_for: Callable[[str], str]
    number: int = 0
    applied: frozenset[int] = frozenset()
    balance: Decimal | None = None
    follows: bool = False
    places: dict[str, Place] = field(default_factory=dict)
    fed: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, user: UserSettings, master: AccountId) -> AccountReplay:
        """The beginning, for a user that follows a master."""
        return cls(user.account, master, user.multiplier, user.symbol_for)

    def copy(self) -> AccountReplay:
        """One that goes its own way from here."""
        return replace(self, places={name: place.copy() for name, place in self.places.items()}, fed=dict(self.fed))

    def apply(self, signal: SignalStep, legs: Sequence[CopyStep]) -> None:
        """One signal, with this account's copies of it by leg."""
        with localcontext(prec=DIGITS):
            self.number = signal.number
            if signal.master == self.account:
                for place, own in self._by_place(legs):
                    place.correct(own)
            elif signal.master != self.master:
                for place, own in self._by_place(legs):
                    place.price = signal.price
                    place.follow_another(own)
            elif signal.side is Side.BUY:
                self._enter(signal, legs)
            else:
                self._leave(signal, legs)
            self.follows = self.follows or bool(legs)
            self._note_balance(legs)

    def lose(self, one: CoinAdjustment) -> None:
        """Coins that were written off."""
        self.applied |= {one.id}
        with localcontext(prec=DIGITS):
            self._place(one.symbol).lose(one.quantity)

    def standings(self, coins: Mapping[tuple[AccountId, str], Decimal]) -> list[Standing]:
        """How it stands in each symbol in which anything should be or is, by symbol.

        Args:
            coins: base that the ledger says copying holds.
        """
        held = {symbol: quantity for (account, symbol), quantity in coins.items() if account == self.account}
        with localcontext(prec=DIGITS):
            found = [
                self.places.get(symbol, Place(symbol)).standing(self.account, self.master, held.get(symbol, ZERO))
                for symbol in sorted(self.places.keys() | held.keys())
            ]
        return [one for one in found if one.should or one.has or one.causes or one.unknown]

    def _enter(self, signal: SignalStep, legs: Sequence[CopyStep]) -> None:
        symbol = legs[0].symbol if legs else self.symbol_for(signal.symbol)
        if not legs and not self.follows:
            return  # the master's trades from before this account followed it
        place = self._place(symbol)
        place.price = signal.price
        self.fed[signal.symbol] = self.fed.get(signal.symbol, frozenset()) | {symbol}
        balance = self._balance(legs)
        ideal = ZERO
        if balance is None or signal.master_balance <= ZERO:
            place.unknown += 1
        else:
            ideal = signal.base_size * balance * self.multiplier / signal.master_balance
        if legs:
            place.enter(ideal, signal.order_id, legs[0])
        else:
            place.miss(ideal, NOT_SET_UP)

    def _balance(self, legs: Sequence[CopyStep]) -> Decimal | None:
        """US dollars before a trade: as it was recorded, else what the trade before left."""
        if legs and (legs[0].balance or legs[0].code not in _BALANCE_UNKNOWN):
            return legs[0].balance
        return self.balance

    def _note_balance(self, legs: Sequence[CopyStep]) -> None:
        before = self._balance(legs)
        if before is None:
            return
        for leg in legs:
            fee = ZERO if leg.fee_currency == split_symbol(leg.symbol)[0] else leg.fee
            before += (-leg.cost if leg.side is Side.BUY else leg.cost) - fee
        self.balance = max(before, ZERO)

    def _leave(self, signal: SignalStep, legs: Sequence[CopyStep]) -> None:
        position = signal.position_before
        share = ONE if not position or signal.base_size >= position else signal.base_size / position
        symbols = {leg.symbol for leg in legs} | self.fed.get(signal.symbol, frozenset())
        for symbol in sorted(symbols):
            place = self._place(symbol)
            place.price = signal.price
            own = [leg for leg in legs if leg.symbol == symbol]
            place.leave(share, own, OTHER_QUOTE if legs else NOT_SET_UP, goes_on=signal.filled_before > ZERO)

    def _by_place(self, legs: Sequence[CopyStep]) -> list[tuple[Place, list[CopyStep]]]:
        symbols = dict.fromkeys(leg.symbol for leg in legs)
        return [(self._place(symbol), [leg for leg in legs if leg.symbol == symbol]) for symbol in symbols]

    def _place(self, symbol: str) -> Place:
        return self.places.setdefault(symbol, Place(symbol))


@dataclass(frozen=True, slots=True)
class Replayed:
    """An account replayed to the end.

    Attributes:
        settled: as it was before the first signal of which anything may still change; to go on from next time.
    """

    now: AccountReplay
    settled: AccountReplay


def replay(begins: Iterable[AccountReplay], history: History, settled_before: float = 0.0) -> list[Replayed]:
    """Go on from beginnings with what was recorded since, in their order.

    Args:
        begins: stay as they are.
        history: of these accounts at least, from the first of their last signals on.
        settled_before: unix seconds; what was planned before, and is done with, will not change any more.
    """
    copies: defaultdict[AccountId, defaultdict[SignalId, list[CopyStep]]] = defaultdict(lambda: defaultdict(list))
    for row in history.copies:
        copies[row.account][row.signal_id].append(row)
    return [_replay(begin, history, copies.get(begin.account, {}), settled_before) for begin in begins]


def _replay(
    begin: AccountReplay, history: History, copies: Mapping[SignalId, Sequence[CopyStep]], settled_before: float
) -> Replayed:
    now, settled = begin.copy(), None
    if now.balance is None:
        # What is not known yet is best told by the first balance that is.
        known = (legs[0].balance for legs in copies.values() if legs[0].balance > ZERO)
        now.balance = next(known, history.balances.get(now.account))
    gone = deque(one for one in history.adjustments if one.account == now.account and one.id not in now.applied)
    for signal in history.signals:
        legs = copies.get(signal.signal_id, ())
        if signal.number <= now.number or not (legs or signal.master == now.master):
            continue
        is_open = any(leg.state in OPEN_STATES for leg in legs)
        if settled is None and (signal.planned_at >= settled_before or is_open):
            settled = now.copy()
        # An exit that found fewer coins came after they were sold by hand.
        at = max([signal.planned_at, *(leg.settled_at or 0.0 for leg in legs)])
        while gone and gone[0].at <= at:
            now.lose(gone.popleft())
        now.apply(signal, legs)
    settled = settled or now.copy()
    if any(place.unknown for place in settled.places.values()):
        settled = begin  # the balance that is missing may become known
    for one in gone:
        now.lose(one)
    return Replayed(now, settled)
