"""A look-up that fails, or does not show the order yet, proves nothing."""

from __future__ import annotations

from tests.contract.checks import adopted, order_of, quick, take_up
from tests.contract.stand import Stand
from tests.contract.venues import each

KINDS = ("http_503", "empty_query", "truncated", "empty_result")


@each("method", lambda venue: venue.look_up_methods)
def test_a_look_up_that_fails_or_trails_proves_nothing(stand: Stand, method: str) -> None:
    """An order that is closed is seen by the last call; that the first one fails must not make it absent."""
    seats = {kind: quick(stand) for kind in KINDS}
    placed = {}
    for kind, seat in seats.items():
        order = order_of(seat)
        placed[kind] = seat.trade("buy", "0.01", order.client_order_id)
        seat.any_fault(kind, method=method, when="after")
        # Side by side: each account waits some seconds.
        take_up(seat, order)

    for kind, seat in seats.items():
        assert adopted(seat) == placed[kind], kind
        assert seat.fakes.trace.count("observer.absent") == 0, kind
    struck = {fault["kind"]: fault["struck"] for fault in stand.paper.get("/faults")}
    assert struck == dict.fromkeys(KINDS, 1)
