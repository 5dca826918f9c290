"""Pages: a cursor is the place of the first row of the next page, as an opaque number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from paper_exchange.coinbase.calls import Parameters
from paper_exchange.coinbase.errors import invalid_argument

_Row = TypeVar("_Row")


def page(
    parameters: Parameters, rows: Sequence[tuple[int, _Row]], default: int, most: int
) -> tuple[list[_Row], bool, str]:
    """The rows of one page, whether there are more, and the cursor that leads to them.

    `rows` are (place, row) with falling places; a place never changes, so that new rows do not move old ones from page
    to page. Raises CoinbaseError.
    """
    limit, cursor = parameters.whole("limit", default, most), parameters.text("cursor")
    if cursor is not None:
        if not cursor.isdecimal():
            raise invalid_argument("cursor is invalid")
        rows = [pair for pair in rows if pair[0] <= int(cursor)]
    shown, rest = rows[:limit], rows[limit:]
    return [row for _, row in shown], bool(rest), str(rest[0][0]) if rest else ""
