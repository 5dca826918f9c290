"""Several orders of one Kraken account without their fills, against a small venue of our own: one question for all."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bot.brokers.base import BrokerPorts
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.orders import MarketOrder, OrderReport
from bot.runtime.clock import SystemClock
from tests.fakes.broker import send
from tests.fakes.ports import FakePorts, RecordingObserver
from tests.fakes.trace import PATIENCE_S, Trace
from tests.unit.brokers.kraken_data import own
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

D = Decimal
ACCOUNT = AccountId("tania", BrokerType.KRAKEN)
KEY = "k" * 56
SECRET = base64.b64encode(bytes(range(64))).decode()
PRICE = D(64000)
SIZE = D("0.0001")

Row = dict[str, Any]
#: In place of a row: the answer leaves the order out.
LEFT_OUT = object()
#: The word that refuses a question for these orders or trades; None for an answer.
Refuse = Callable[[list[str]], str | None]


class Venue:
    """A script for :class:`tests.unit.brokers.raw_server.RawServer`; it calls its orders ``O-1``, ``O-2`` and so on.

    Attributes:
        rows: what it shows of each order; made full when one is placed, unless it is there before.
        changes: fields of the row of an order that is still to be placed.
        trades: what it shows of each trade.
        refuse: asked before it answers QueryOrders or QueryTrades.
        asked: method and fields of every private call.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.changes: dict[str, Row] = {}
        self.trades: dict[str, Row] = {}
        self.refuse: Refuse = lambda _: None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._placed = 0

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        method = request.path.rpartition("/")[2]
        fields = dict(parse_qsl(request.body.decode()))
        if "/private/" in request.path:
            self.asked.append((method, fields))
        if method in ("QueryOrders", "QueryTrades"):
            word = self.refuse(_named(fields))
            if word is not None:
                return peer.answer_json({"error": [word]})
        return peer.answer_json({"error": [], "result": self._answer(method, fields)})

    def _answer(self, method: str, fields: dict[str, str]) -> Any:
        match method:
            case "AddOrder":
                return {"txid": [self._place(fields)]}
            case "QueryOrders":
                return _picked(self.rows, fields)
            case "QueryTrades":
                return _picked(self.trades, fields)
            case "GetApiKeyInfo":
                allowed = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades"]
                return {"permissions": allowed, "nonce_window": "0"}
        return _plain(own(f"{method}.json"))

    def _place(self, fields: dict[str, str]) -> str:
        self._placed += 1
        order_id = f"O-{self._placed}"
        self.rows.setdefault(order_id, row_of(order_id, D(fields["volume"]), **self.changes.get(order_id, {})))
        return order_id

    @property
    def methods(self) -> list[str]:
        """Of all orders and all questions for them, in their order."""
        return [method for method, _ in self.asked if method in ("AddOrder", "QueryOrders", "QueryTrades")]

    def named(self, method: str = "QueryOrders") -> list[list[str]]:
        """The orders, or trades, of each question for them."""
        return [_named(fields) for asked, fields in self.asked if asked == method]


def row_of(order_id: str, size: Decimal = SIZE, **changes: Any) -> Row:
    """An order that is done, as Kraken shows it."""
    cost = size * PRICE
    return {
        "status": "closed",
        "opentm": 1790000000.1,
        "closetm": 1790000000.2,
        "vol": str(size),
        "vol_exec": str(size),
        "cost": str(cost),
        "fee": str(cost * D("0.004")),
        "price": str(PRICE),
        "oflags": "fciq",
        "trades": [f"T-{order_id}"],
    } | changes


def trade_of(size: Decimal) -> Row:
    cost = size * PRICE
    return {"vol": str(size), "price": str(PRICE), "cost": str(cost), "fee": str(cost * D("0.004")), "time": 1790000000}


def _named(fields: dict[str, str]) -> list[str]:
    return fields["txid"].split(",")


def _picked(shown: dict[str, Any], fields: dict[str, str]) -> dict[str, Any]:
    return {name: row for name in _named(fields) if (row := shown.get(name, LEFT_OUT)) is not LEFT_OUT}


def _plain(value: Any) -> Any:
    """As the wire has it: numbers that were read exactly become texts."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Decimal) else value


@dataclass
class Desk:
    """A connected account and its venue."""

    broker: KrakenBroker
    venue: Venue
    trace: Trace

    def place(self, *orders: MarketOrder, limit: Callable[[], Decimal] | None = None) -> None:
        """Have the orders leave one right behind the other, all of them before the first fill is asked for.

        Args:
            limit: of the last one, which is an exit then.
        """
        go = threading.Event()
        self.broker._lane.submit(lambda: _wait(go))
        for order in orders:
            send(self.broker, order, RecordingObserver(self.trace), limit if order is orders[-1] else None)
        go.set()

    def buy(self, count: int) -> None:
        """:meth:`place` entries ``name-1``, ``name-2`` and so on."""
        self.place(*(order_of(number) for number in range(1, count + 1)))

    def settled(self, times: int) -> list[str]:
        """The ids of the orders that the journal has a fill of, in that order, once there are so many of them."""
        self.trace.wait_for("journal.settled", times)
        return [str(report.order_id) for report in self.reports]

    @property
    def reports(self) -> list[OrderReport]:
        return [report for _, report, _ in self.trace.of("journal.settled")]

    def rest(self, seconds: float = 0.0) -> None:
        """Wait until the lane has done whatever is due by then."""
        done = threading.Event()
        self.broker._lane.later(done.set, seconds)
        assert done.wait(PATIENCE_S)


def _wait(go: threading.Event) -> None:
    go.wait(PATIENCE_S)


def order_of(number: int, symbol: str = "BTC-USD", side: Side = Side.BUY, size: Decimal = SIZE) -> MarketOrder:
    return MarketOrder(ACCOUNT, ClientOrderId(f"name-{number}"), symbol, side, size, PRICE)


def ids(*numbers: int) -> list[str]:
    return [f"O-{number}" for number in numbers]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    venue, fakes = Venue(), FakePorts()
    with RawServer(venue) as server:
        market = KrakenMarket(KrakenClient("", "", None, url=server.url), pacer=Pacer(0.0001))
        client = KrakenClient(
            KEY, SECRET, NonceStore(str(ACCOUNT), tmp_path), account=str(ACCOUNT), url=server.url, tier="Pro"
        )
        ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
        broker = KrakenBroker(ACCOUNT, client, market, ports)
        broker.start()
        try:
            assert broker.connect(PATIENCE_S), broker.status
            venue.asked.clear()
            yield Desk(broker, venue, fakes.trace)
        finally:
            broker.stop()
            ended = broker.join(time.monotonic() + PATIENCE_S)
            market.close()
        assert ended


# -- one question ----------------------------------------------------------------------------------------------------


def test_several_orders_have_their_fills_of_one_question(desk: Desk) -> None:
    desk.buy(4)
    assert desk.settled(4) == ids(1, 2, 3, 4)
    assert desk.venue.methods == ["AddOrder"] * 4 + ["QueryOrders"]
    assert desk.venue.named() == [ids(1, 2, 3, 4)]


def test_each_order_has_its_own_numbers_of_the_common_answer(desk: Desk) -> None:
    desk.venue.changes = {"O-2": {"oflags": "fcib"}, "O-3": {"status": "canceled", "vol_exec": "0", "cost": "0"}}
    desk.place(order_of(1), order_of(2, "ETH-USD", size=D("0.02")), order_of(3))
    desk.settled(3)
    told = [
        (order.client_order_id, report.executed, report.cost, report.fee_currency, state)
        for order, report, state in desk.trace.of("journal.settled")
    ]
    assert told == [
        ("name-1", SIZE, D("6.4"), "USD", OrderState.FILLED),
        ("name-2", D("0.02"), D(1280), "ETH", OrderState.FILLED),
        ("name-3", D(0), D(0), "USD", OrderState.FAILED),
    ]
    assert desk.trace.wait_for("observer.settled", 3) == desk.trace.of("journal.settled")


@pytest.mark.parametrize(("count", "calls"), [(20, [20]), (21, [20, 1]), (45, [20, 20, 5])], ids=["20", "21", "45"])
def test_a_question_names_at_most_twenty_orders(desk: Desk, count: int, calls: list[int]) -> None:
    desk.buy(count)
    assert desk.settled(count) == ids(*range(1, count + 1))
    assert [len(named) for named in desk.venue.named()] == calls
    assert [order_id for named in desk.venue.named() for order_id in named] == ids(*range(1, count + 1))


def test_trades_of_several_orders_are_asked_for_together_and_told_apart(desk: Desk) -> None:
    parts = {f"O-{number}": [f"T-{number}-{part}" for part in (1, 2, 3)] for number in range(1, 9)}
    desk.venue.changes = {order_id: {"trades": trades} for order_id, trades in parts.items()}
    sizes = [D("0.00001"), D("0.00002"), D("0.00007")]
    desk.venue.trades = {
        trade: trade_of(size) for trades in parts.values() for trade, size in zip(trades, sizes, strict=True)
    }
    desk.buy(8)
    desk.settled(8)
    assert {str(report.order_id): [fill.trade_id for fill in report.fills] for report in desk.reports} == parts
    assert [fill.quantity for report in desk.reports for fill in report.fills] == sizes * 8
    assert desk.venue.methods == ["AddOrder"] * 8 + ["QueryOrders", "QueryTrades", "QueryTrades"]
    assert [len(named) for named in desk.venue.named("QueryTrades")] == [20, 4]


def test_an_exit_leaves_after_one_question_for_all_that_is_open_before_it(desk: Desk) -> None:
    desk.place(order_of(1), order_of(2), order_of(3, side=Side.SELL), limit=lambda: SIZE)
    assert desk.settled(3) == ids(1, 2, 3)
    assert desk.venue.methods == ["AddOrder", "AddOrder", "QueryOrders", "AddOrder", "QueryOrders"]
    assert desk.venue.named() == [ids(1, 2), ids(3)]


# -- a list that is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    ["EOrder:Unknown order", "EOrder:Invalid order", "EGeneral:Invalid arguments:txid"],
    ids=["unknown", "invalid", "arguments"],
)
def test_where_lists_are_refused_each_order_is_asked_for_alone(desk: Desk, word: str) -> None:
    desk.venue.refuse = lambda named: word if len(named) > 1 else None
    desk.buy(3)
    assert desk.settled(3) == ids(1, 2, 3)
    assert desk.venue.named() == [ids(1, 2, 3), ids(1), ids(2, 3), ids(2), ids(3)]


def test_an_order_that_has_every_list_refused_holds_up_no_other_and_is_asked_for_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = {"O-2"}
    desk.venue.refuse = lambda named: "EOrder:Unknown order" if unknown.intersection(named) else None
    desk.buy(3)
    assert desk.settled(2) == ids(1, 3)
    # The third one's list has the second one too.
    assert desk.venue.named()[:6] == [ids(1, 2, 3), ids(1), ids(2, 3), ids(2), ids(3, 2), ids(3)]
    assert "order O-2 is not confirmed yet: EOrder:Unknown order" in caplog.text
    assert desk.broker.has_open("BTC-USD")
    unknown.clear()
    assert desk.settled(3) == ids(1, 3, 2)
    assert not desk.broker.has_open("BTC-USD")


@pytest.mark.parametrize(
    "word", ["EService:Market in cancel_only mode", "EAPI:Rate limit exceeded"], ids=["closed", "rate"]
)
def test_a_refusal_of_every_question_for_now_is_not_answered_with_another_one(desk: Desk, word: str) -> None:
    words = [word]
    desk.venue.refuse = lambda _: words.pop() if words else None
    desk.buy(3)
    assert sorted(desk.settled(3)) == ids(1, 2, 3)
    assert [sorted(named) for named in desk.venue.named()] == [ids(1, 2, 3)] * 2


def test_a_key_that_is_refused_is_not_asked_with_again(desk: Desk) -> None:
    desk.venue.refuse = lambda _: "EAPI:Invalid key"
    desk.buy(3)
    desk.trace.wait_until(lambda: desk.broker.barred)
    desk.rest(0.3)
    assert desk.venue.named() == [ids(1, 2, 3)]
    assert desk.reports == []
    assert desk.broker.has_open("BTC-USD")


# -- rows that tell nothing ------------------------------------------------------------------------------------------

_UNREADABLE = [
    pytest.param(row_of("O-2", status=None), id="no status"),
    pytest.param(row_of("O-2", vol_exec=None), id="no size"),
    pytest.param(row_of("O-2", cost="NaN"), id="no number"),
    pytest.param("closed", id="no object"),
    pytest.param(None, id="nothing"),
    pytest.param(LEFT_OUT, id="left out"),
]


@pytest.mark.parametrize("row", _UNREADABLE)
def test_a_row_that_cannot_be_read_holds_up_no_other_order(desk: Desk, row: Any) -> None:
    desk.venue.rows["O-2"] = row
    desk.buy(3)
    assert desk.settled(2) == ids(1, 3)
    desk.trace.wait_until(lambda: len(desk.venue.named()) >= 2)
    assert desk.venue.named()[:2] == [ids(1, 2, 3), ids(2)]
    assert desk.broker.has_open("BTC-USD")
    desk.venue.rows["O-2"] = row_of("O-2")
    assert desk.settled(3) == ids(1, 3, 2)


def test_a_first_order_that_the_venue_does_not_show_yet_holds_up_no_other(desk: Desk) -> None:
    desk.venue.rows["O-1"] = LEFT_OUT
    desk.buy(3)
    assert desk.settled(2) == ids(2, 3)
    desk.trace.wait_until(lambda: len(desk.venue.named()) >= 2)
    assert desk.venue.named()[:2] == [ids(1, 2, 3), ids(1)]
    desk.venue.rows["O-1"] = row_of("O-1")
    assert desk.settled(3) == ids(2, 3, 1)


def test_a_row_of_the_first_that_cannot_be_read_is_told_and_the_others_have_their_turn(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.venue.rows["O-1"] = row_of("O-1", cost="NaN")
    desk.buy(3)
    assert desk.settled(2) == ids(2, 3)
    assert desk.venue.named()[:2] == [ids(1, 2, 3), ids(2, 1, 3)]
    assert "order O-1 is not confirmed yet: " in caplog.text
    desk.venue.rows["O-1"] = row_of("O-1")
    assert desk.settled(3) == ids(2, 3, 1)


# -- orders that are not done ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "pending", "vol_exec": "0", "cost": "0", "trades": []},
        {"status": "open", "vol_exec": "0", "cost": "0", "trades": []},
        {"status": "open", "vol_exec": "0.00005", "cost": "3.2"},
        {"status": "open"},
    ],
    ids=["pending", "open", "in part", "in whole"],
)
def test_an_order_that_may_still_trade_stays_without_its_fill(desk: Desk, changes: Row) -> None:
    desk.venue.changes = {"O-2": changes}
    desk.buy(3)
    assert desk.settled(2) == ids(1, 3)
    # The second one's own first question, and one that comes of itself.
    desk.trace.wait_until(lambda: len(desk.venue.named()) >= 3)
    assert desk.venue.named()[:3] == [ids(1, 2, 3), ids(2), ids(2)]
    assert len(desk.reports) == 2
    assert desk.broker.has_open("BTC-USD")
    desk.venue.rows["O-2"] = row_of("O-2")
    assert desk.settled(3) == ids(1, 3, 2)
    assert desk.reports[2].executed == SIZE
    assert not desk.broker.has_open("BTC-USD")


def test_a_fill_that_another_orders_question_brought_is_journalled_once_and_not_asked_for_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    still_open = {"status": "open", "vol_exec": "0", "cost": "0", "trades": []}
    desk.venue.changes = dict.fromkeys(ids(1, 2, 3), still_open)
    closed = threading.Event()

    def close_all_after_three(_: list[str]) -> None:
        if len(desk.venue.named()) > 3 and not closed.is_set():
            desk.venue.rows |= {order_id: row_of(order_id) for order_id in ids(1, 2, 3)}
            closed.set()

    desk.venue.refuse = close_all_after_three
    desk.buy(3)
    assert desk.settled(3) == ids(1, 2, 3)
    # Longer than the pause before the next question, which is waiting for each of them.
    desk.rest(0.3)
    assert desk.settled(3) == ids(1, 2, 3)
    assert desk.trace.count("observer.settled") == 3
    assert desk.venue.named() == [ids(1, 2, 3), ids(2, 1, 3), ids(3, 1, 2), ids(1, 2, 3)]
    assert "a job failed" not in caplog.text


# -- what goes wrong with another order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["EOrder:Unknown order", "EGeneral:Invalid arguments:txid"], ids=["unknown", "arguments"]
)
def test_trades_that_are_refused_hold_up_no_other_order(desk: Desk, word: str) -> None:
    parts = {f"O-{number}": [f"T-{number}-1", f"T-{number}-2"] for number in (1, 2, 3)}
    desk.venue.changes = {order_id: {"trades": trades} for order_id, trades in parts.items()}
    desk.venue.trades = {trade: trade_of(SIZE / 2) for trades in parts.values() for trade in trades}
    refused = {"T-2-1"}
    desk.venue.refuse = lambda named: word if refused.intersection(named) else None
    desk.buy(4)
    assert desk.settled(3) == ids(1, 4, 3)
    assert desk.broker.has_open("BTC-USD")
    refused.clear()
    assert desk.settled(4) == ids(1, 4, 3, 2)
    told = {str(report.order_id): [fill.trade_id for fill in report.fills] for report in desk.reports}
    assert told == parts | {"O-4": ["T-O-4"]}


def test_trades_that_are_no_texts_hold_up_no_other_order(desk: Desk) -> None:
    desk.venue.changes = {"O-2": {"trades": [1, 2]}}
    desk.buy(3)
    assert desk.settled(3) == ids(1, 2, 3)


def test_an_order_goes_on_being_asked_for_when_another_one_cannot_be_settled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = RecordingObserver.settled

    def fail_once(self: RecordingObserver, order: MarketOrder, report: OrderReport | None, state: OrderState) -> None:
        settled(self, order, report, state)
        if order.client_order_id == "name-2":
            raise RuntimeError("whoever wanted to hear of it failed")

    monkeypatch.setattr(RecordingObserver, "settled", fail_once)
    desk.venue.changes = {"O-1": {"status": "open"}}
    desk.buy(3)
    assert desk.settled(2) == ids(2, 3)
    desk.venue.rows["O-1"] = row_of("O-1")
    assert desk.settled(3) == ids(2, 3, 1)
