"""What the earlier parts of a master's order came to at each follower: a part is sized as what is new of the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, localcontext

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.money import ZERO
from bot.domain.states import MOVED_ASIDE, OPEN_STATES
from bot.ledger.rows import CopyRow, PartRow
from bot.position_sizer import EarlierParts

#: Refusals of a part whose share goes into the next one.
_CARRIED = frozenset({"below minimum", "cap reached"})
#: Digits to compute with: nothing may be rounded to a lot or a cent before the sizer does it.
_DIGITS = 60


class OrderSoFar:
    """The earlier parts of one order.

    Args:
        rows: their copies, oldest first; none for an order that has just begun.
    """

    def __init__(self, rows: Iterable[PartRow] = ()) -> None:
        self._rows: defaultdict[AccountId, list[PartRow]] = defaultdict(list)
        for row in rows:
            self._rows[row.copy.account].append(row)

    def bought(self, account: AccountId, instrument: Instrument) -> EarlierParts | None:
        """Of an entry; None where no earlier part counts.

        What was sized counts, whatever became of it, and so does what was too small. Parts that were refused for
        another reason, or that expired, do not: they are not caught up.
        """
        parts = [row for row in self._rows.get(account, ()) if row.copy.leg == 1 and _counts(row.copy)]
        if not parts:
            return None
        with localcontext(prec=_DIGITS):
            return EarlierParts(
                size=sum((row.size for row in parts), ZERO),
                quantity=sum((_bought(row, instrument) for row in parts), ZERO),
                value=sum((row.copy.quote_value for row in parts), ZERO),
                balance=parts[0].copy.balance,
            )

    def sold(self, account: AccountId, symbol: str) -> Decimal:
        """Of an exit: base of the copied coins of a symbol that its orders took, or will take, legs included.

        What was ordered and not executed in the end counts as coins again: an exit is caught up.
        """
        return sum((_taken(row.copy) for row in self._rows.get(account, ()) if row.copy.symbol == symbol), ZERO)


def _counts(copy: CopyRow) -> bool:
    if copy.state is OrderState.SKIPPED:
        return copy.code in _CARRIED
    return copy.state is not OrderState.EXPIRED


def _bought(row: PartRow, instrument: Instrument) -> Decimal:
    return row.copy.quantity if instrument.quote_step is None else row.copy.quote_value / row.price


def _taken(copy: CopyRow) -> Decimal:
    if copy.state in OPEN_STATES:
        return copy.quantity
    if copy.state in MOVED_ASIDE:
        return ZERO
    in_coin = copy.fee_currency == split_symbol(copy.symbol)[0]
    return copy.executed + copy.fee if in_coin else copy.executed
