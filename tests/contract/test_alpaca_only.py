"""What only Alpaca has: a look-up that answers with one order.

The look-ups of the other venues answer with lists.
"""

from __future__ import annotations

from typing import Any

from tests.contract.alpaca import ALPACA
from tests.contract.checks import adopted, order_of, quick, take_up
from tests.contract.stand import Stand
from tests.contract.venues import only

pytestmark = only(lambda venue: venue is ALPACA)


OTHERS: tuple[dict[str, Any], ...] = ({"client_order_id": "somebody's"}, {"client_order_id": None}, {"id": None})


def test_a_look_up_that_answers_with_another_order_proves_nothing(stand: Stand) -> None:
    between = stand.relay()
    seats = [quick(stand, url=between.url) for _ in OTHERS]
    orders = [order_of(seat) for seat in seats]
    placed = [seat.trade("buy", "0.01", order.client_order_id) for seat, order in zip(seats, orders, strict=True)]
    other_of = {order.client_order_id: other for order, other in zip(orders, OTHERS, strict=True)}

    def another_one(fields: dict[str, Any], answer: Any) -> Any:
        return answer | other_of.pop(fields["client_order_id"], {})

    between.changes["orders:by_client_order_id"] = another_one
    # Side by side: each account waits some seconds.
    for seat, order in zip(seats, orders, strict=True):
        take_up(seat, order)

    assert [adopted(seat) for seat in seats] == placed
    assert [seat.fakes.trace.count("observer.absent") for seat in seats] == [0, 0, 0]
    assert [seat.calls("get_order_by_client_id") for seat in seats] == [2, 2, 2]
    assert other_of == {}
