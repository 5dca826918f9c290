"""What of an account differs between the ledger and its venue. Pure: no clock, no database, no network."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, is_own_name
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO, plain
from bot.domain.orders import AccountBalances, VenueOrder, is_master
from bot.domain.states import AT_THE_VENUE, OPEN_STATES

#: Seconds for which a venue's list may not show an order that it has accepted.
_LIST_TRAILS_S = 15.0
#: Venues book in the last digits other than what an order says it executed.
_ROUNDING = Decimal("0.0000001")
#: An order may be at the venue or not, and the bot is about to find out.
_ASKED_ABOUT = frozenset({OrderState.SUBMITTING, OrderState.UNKNOWN})

_MISSING = "look for it in the account's history there; is the key still one of the same account?"
_TWICE = "undo the one that the ledger does not name by hand at the venue"
_PLACED = "the venue's books count: undo it by hand there; its coins are not counted as copied"
_FIGURE = "the venue's books count: restore a backup of the ledger that agrees with them"
_BOUGHT_UNKNOWN = "an older backup restored? its coins are not counted as copied: sell them by hand if they shall go"
_SOLD_UNKNOWN = "an older backup restored? the running bot writes off coins that are gone"
_COINS = "sold or moved by hand? the running bot writes off what is missing"
_COVERED = "a fill was copied that the venue does not have: see the signals of this order"
_UNSETTLED = "leave the bot running, or start it: it settles this"


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """One order as the ledger has it.

    Attributes:
        names: the client order ids that it had, the present one first.
        time: unix seconds when it was planned, or a master's intended.
        answered_at: unix seconds of the venue's answer; 0 for none.
    """

    names: tuple[ClientOrderId, ...]
    symbol: str
    state: OrderState
    reason: str
    order_id: VenueOrderId | None
    executed: Decimal
    cost: Decimal
    fee: Decimal
    time: float
    answered_at: float


@dataclass(slots=True)
class Look:
    """What was known before an account's venue was asked.

    Attributes:
        since: unix seconds; orders of the ledger from before need not be in the venue's list.
        at: unix seconds when the venue was asked.
        states: of every order of the ledger, by each of its names.
        coins: base that copying holds, by symbol.
    """

    since: float
    at: float
    states: Mapping[ClientOrderId, OrderState]
    coins: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One line: whose, which order (the venue's id, where there is one), and what either side says of it."""

    account: str
    order: str
    client_order_id: str
    what: str
    ledger: str
    venue: str
    mend: str


@dataclass(slots=True)
class Findings:
    """What came of comparing one account.

    Attributes:
        unsettled: orders of which the ledger itself says that they are not done.
        own: orders at the venue that the bot did not place, and that nobody copied.
        by_hand: orders that a master placed by hand, and that became signals as far as they are copied.
    """

    differences: list[Difference] = field(default_factory=list)
    unsettled: list[Difference] = field(default_factory=list)
    own: int = 0
    by_hand: int = 0


def compare_orders(
    account: AccountId,
    rows: Sequence[LedgerOrder],
    listed: Iterable[VenueOrder],
    look: Look,
    covered: Mapping[str, Decimal] | None = None,
) -> Findings:
    """Every order of the ledger against every order that the venue listed.

    Args:
        rows: as the ledger has them after the venue was asked: whatever the venue has by then is in it.
        look: from before: what was done by then has to be in the venue's list.
        covered: by the venue's id, base of a master's orders that became signals, or is known not to; read afterwards.
    """
    comparison = _Comparison(account, list(listed), look)
    for row in rows:
        comparison.compare(row)
    comparison.name_strangers(covered or {})
    return comparison.findings


class _Comparison:
    def __init__(self, account: AccountId, listed: list[VenueOrder], look: Look) -> None:
        self.findings = Findings()
        self._account = account
        self._look = look
        self._strangers = {order.order_id: order for order in listed}
        self._by_id = dict(self._strangers)
        self._by_name: defaultdict[ClientOrderId, list[VenueOrder]] = defaultdict(list)
        for order in listed:
            if order.client_order_id is not None:
                self._by_name[order.client_order_id].append(order)

    def compare(self, row: LedgerOrder) -> None:
        found = self._orders_of(row)
        # One that ended without a fill has done nothing: the venue may keep such a one of an order that came too late.
        live = [order for order in found if order.open or order.executed]
        if len(live) > 1:
            self._differs(row, "TWICE at the venue", _state(row), _told(live), _TWICE)
        if row.state in AT_THE_VENUE:
            self._compare_placed(row, found, live)
        elif live and row.state not in _ASKED_ABOUT:
            self._differs(row, "placed, and the ledger says not", _state(row), _told(live), _PLACED)
        elif row.state in OPEN_STATES:
            self._unsettled(row, live)

    def name_strangers(self, covered: Mapping[str, Decimal]) -> None:
        for order in self._strangers.values():
            if copied := covered.get(order.order_id, ZERO):
                self._compare_by_hand(order, copied)
                continue
            if not _is_named_by_a_bot(self._account, order):
                self.findings.own += 1
                continue
            self.findings.differences.append(
                Difference(
                    str(self._account),
                    order.order_id,
                    order.client_order_id or "",
                    "not in the ledger",
                    "",
                    f"{order.side} {_told([order])} {order.symbol}",
                    _BOUGHT_UNKNOWN if order.side is Side.BUY else _SOLD_UNKNOWN,
                )
            )

    def _compare_by_hand(self, order: VenueOrder, covered: Decimal) -> None:
        self.findings.by_hand += 1
        told = (plain(covered), plain(order.executed))
        place = (str(self._account), order.order_id, order.client_order_id or "")
        # The signals were read after the venue was asked.
        if not order.open and covered > order.executed:
            self.findings.differences.append(Difference(*place, "copied more than was traded", *told, _COVERED))
        elif not order.open and covered < order.executed:
            self.findings.unsettled.append(Difference(*place, "part of it is no signal yet", *told, _UNSETTLED))

    def _orders_of(self, row: LedgerOrder) -> list[VenueOrder]:
        found = {order.order_id: order for name in row.names for order in self._by_name[name]}
        if row.order_id in self._by_id:
            # A venue may leave the name out.
            found[row.order_id] = self._by_id[row.order_id]
        for order_id in found:
            self._strangers.pop(order_id, None)
        return list(found.values())

    def _compare_placed(self, row: LedgerOrder, found: list[VenueOrder], live: list[VenueOrder]) -> None:
        ours = next((order for order in found if order.order_id == row.order_id), None)
        if ours is None and live:
            self._differs(row, "another order", _state(row), _told(live), _FIGURE)
        elif ours is None:
            self._missing(row)
        elif row.state is OrderState.ACCEPTED:
            self._unsettled(row, [ours])
        elif not ours.open:
            self._compare_figures(row, ours)
        elif self._was_done(row):
            self._differs(row, "still open at the venue", _state(row), _told([ours]), _FIGURE)

    def _missing(self, row: LedgerOrder) -> None:
        if row.time < self._look.since:
            return
        if row.state is OrderState.ACCEPTED and row.answered_at > self._look.at - _LIST_TRAILS_S:
            self._unsettled(row, [])
        elif any(self._look.states.get(name) in AT_THE_VENUE for name in row.names):
            self._differs(row, "not at the venue", _state(row), "", _MISSING)

    def _was_done(self, row: LedgerOrder) -> bool:
        return self._look.states.get(row.names[0], OrderState.PLANNED) not in OPEN_STATES

    def _compare_figures(self, row: LedgerOrder, order: VenueOrder) -> None:
        pairs = (
            ("executed", row.executed, order.executed),
            ("cost", row.cost, order.cost),
            ("fee", row.fee, order.fee),
        )
        for what, ours, theirs in pairs:
            if ours != theirs:
                self._differs(row, what, plain(ours), plain(theirs), _FIGURE)

    def _differs(self, row: LedgerOrder, what: str, ledger: str, venue: str, mend: str) -> None:
        self.findings.differences.append(self._line(row, what, ledger, venue, mend))

    def _unsettled(self, row: LedgerOrder, found: list[VenueOrder]) -> None:
        self.findings.unsettled.append(self._line(row, "not settled yet", _state(row), _told(found), _UNSETTLED))

    def _line(self, row: LedgerOrder, what: str, ledger: str, venue: str, mend: str) -> Difference:
        order = row.order_id or row.names[0]
        return Difference(str(self._account), order, row.names[0], what, ledger, venue, mend)


def compare_coins(
    account: AccountId,
    before: Mapping[str, Decimal],
    after: Mapping[str, Decimal],
    rows: Iterable[LedgerOrder],
    balances: AccountBalances,
) -> list[Difference]:
    """Coins that copying holds and that are not in the account; more coins than that are the user's own.

    Args:
        before: base by symbol, as the ledger had it before the venue was asked.
        after: the same, from afterwards.
        rows: as the ledger has them afterwards; a coin with an order that is not settled is left out.
    """
    moving = {split_symbol(row.symbol)[0] for row in rows if row.state in OPEN_STATES}
    copied: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol in before.keys() & after.keys():
        # What is bought or sold while the venue is asked is in one of the two only.
        copied[split_symbol(symbol)[0]] += min(before[symbol], after[symbol])
    found = []
    for base, quantity in sorted(copied.items()):
        there = balances.coins_of(base) + balances.held.get(base, ZERO)
        if base not in moving and quantity - there > max(_ROUNDING, quantity * _ROUNDING):
            told = (plain(quantity), plain(there), _COINS)
            found.append(Difference(str(account), f"coins {base}", "", "copied more than there is", *told))
    return found


def _is_named_by_a_bot(account: AccountId, order: VenueOrder) -> bool:
    name = order.client_order_id
    if name is None:
        return False
    if is_master(account):
        # Masters trade by hand, and venues' own apps give UUIDs too.
        return is_own_name(name)
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _state(row: LedgerOrder) -> str:
    if row.state in AT_THE_VENUE and row.order_id:
        return f"{row.state} {row.order_id}"
    return f"{row.state}: {row.reason}" if row.reason else row.state


def _told(orders: Iterable[VenueOrder]) -> str:
    return ", ".join(f"{order.order_id} {plain(order.executed)} of {plain(order.quantity)}" for order in orders)
