"""What every venue says of an order, read into words of the domain. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.domain.enums import Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.ids import ClientOrderId
from bot.domain.instruments import Instrument

#: The price may move a little until the venue looks at an order of the smallest value.
_ROOM = Decimal("1.05")


def side_of(text: str, order_id: str) -> Side:
    """The side, ``buy`` or ``sell``. Raises VenueUnclear, naming the order, when it is neither."""
    try:
        return Side(text)
    except ValueError as error:
        raise VenueUnclear(f"the side of order {order_id} is {text!r} in the venue's answer") from error


def client_order_id_of(name: Any) -> ClientOrderId | None:
    """The name that whoever placed it gave it; None when there is none."""
    return ClientOrderId(str(name)) if name else None


def symbol_of(spelling: str, canonical: Callable[[str], str]) -> str:
    """The canonical symbol of one of the venue's spellings; the spelling itself when it is not listed any more.

    Args:
        canonical: the symbol of a spelling; raises InvalidAmount when it is not listed.
    """
    try:
        return canonical(spelling)
    except InvalidAmount:
        return spelling


def average_price_of(said: Decimal, executed: Decimal, cost: Decimal) -> Decimal:
    """The average price as the venue said it, or else of the sums."""
    return said if said > 0 or not executed else cost / executed


def smallest_size(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest buy, in base, that the venue surely takes at about this price (quote)."""
    wanted = max(instrument.minimum_size, instrument.minimum_cost * _ROOM / price, instrument.lot_step)
    size = instrument.floor_size(wanted)
    return size if size >= wanted else size + instrument.lot_step
