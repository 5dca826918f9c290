"""One Alpaca account against a small venue of its own: what it asks, sends, finds and says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from bot.brokers.alpaca.broker import AlpacaBroker
from bot.brokers.alpaca.client import AlpacaClient
from bot.brokers.alpaca.setup import AlpacaVenue
from bot.brokers.base import BrokerOptions
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.errors import SettingsError
from bot.domain.ids import AccountId, new_client_order_id
from bot.domain.orders import MarketOrder
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.runtime.clock import SystemClock
from bot.settings.credentials import Credentials
from bot.settings.env import AccountSettings, Environment
from tests.fakes.ports import FakePorts, RecordingObserver
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

D = Decimal
_DATA = Path(__file__).resolve().parents[2] / "data" / "alpaca"
_NOT_FOUND = {"code": 40410000, "message": "order not found for it"}
_PRICE, _RATE = D(80_010), D("0.0022")
_BEGAN = datetime(2026, 10, 1, tzinfo=UTC)


def own(name: str) -> Any:
    return json.loads((_DATA / f"bot_{name}.json").read_text(encoding="utf-8"))


class Venue:
    """A venue with one account; every order is filled at once."""

    def __init__(self) -> None:
        self.account = own("account")
        self.assets = own("assets")
        self.positions = own("positions")
        self.orders: list[dict[str, Any]] = []
        self.answer: Callable[[Peer, dict[str, Any]], bool] | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent: list[dict[str, Any]] = []

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        address = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if request.method == "POST":
            return self._place(peer, json.loads(request.body))
        name = address.path.removeprefix("/v2")
        self.asked.append((name, query))
        if name == "/account":
            return peer.answer_json(self.account)
        if name == "/positions":
            return peer.answer_json(self.positions)
        if name == "/assets":
            return peer.answer_json(self.assets)
        if name.endswith("/latest/quotes"):
            rows = {symbol: {"ap": 80_010, "bp": 79_990} for symbol in query["symbols"].split(",")}
            return peer.answer_json({"quotes": rows})
        if name == "/orders":
            return peer.answer_json(self._page(query))
        key, wanted = ("client_order_id", query.get("client_order_id")) if query else ("id", name.rpartition("/")[2])
        found = [order for order in self.orders if order[key] == wanted]
        return peer.answer_json(found[0]) if found else peer.answer_json(_NOT_FOUND, "404 Not Found")

    def add(self, **changes: Any) -> dict[str, Any]:
        number = len(self.orders)
        moment = (_BEGAN + timedelta(seconds=number // 2)).strftime("%Y-%m-%dT%H:%M:%S.5Z")
        self.orders.append(own("order") | {"id": f"o-{number}", "submitted_at": moment} | changes)
        return self.orders[-1]

    def _place(self, peer: Peer, body: dict[str, Any]) -> bool:
        self.sent.append(body)
        if self.answer is not None:
            return self.answer(peer, body)
        return peer.answer_json(self.fill(body) | {"status": "pending_new", "filled_qty": "0"})

    def fill(self, body: dict[str, Any]) -> dict[str, Any]:
        keys = ("symbol", "side", "qty", "client_order_id")
        coins = D(body["qty"]) * (1 - _RATE) if body["side"] == "buy" else -D(body["qty"])
        money = -D(body["qty"]) * _PRICE if body["side"] == "buy" else D(body["qty"]) * _PRICE * (1 - _RATE)
        _move(self.positions[0], coins, "qty", "qty_available")
        _move(self.account, money, "cash", "non_marginable_buying_power")
        return self.add(**{key: body[key] for key in keys}, filled_qty=body["qty"], filled_avg_price=str(_PRICE))

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        after, until = (query.get(name) for name in ("after", "until"))
        rows = [
            order
            for order in reversed(self.orders)
            if (after is None or _moment(order["submitted_at"]) > _moment(after))
            and (until is None or _moment(order["submitted_at"]) < _moment(until))
            and (query["status"] == "all" or order["status"] == "new")
        ]
        return rows[: int(query["limit"])]


def _move(row: dict[str, Any], change: Decimal, *names: str) -> None:
    row |= {name: format(D(row[name]) + change, "f") for name in names}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Seat:
    """The venue, one account's broker made as the program makes it, and the fakes around it.

    Args:
        options: for a broker that is made by hand, with ``lands_within_s``.
    """

    def __init__(
        self,
        venue: Venue,
        url: str,
        session: Any,
        *,
        paper: bool = True,
        name: str = "tania",
        options: BrokerOptions | None = None,
        lands_within_s: float = 5.0,
    ) -> None:
        self.venue, self.fakes = venue, FakePorts()
        environment = Environment(alpaca_api_url=url, http_session=session, read_timeout_s=1.0)
        self.shared = AlpacaVenue(environment, SystemClock())
        ports = replace(self.fakes.ports(), clock=SystemClock())
        account = AccountId(name, BrokerType.ALPACA)
        if options is None:
            credentials = Credentials(SecretStr("PKKEY"), SecretStr("SECRET"), "ALPACA", paper)
            self.broker = self.shared.broker(AccountSettings(account, credentials), ports)
        else:
            client = AlpacaClient("PKKEY", "SECRET", account=str(account), url=url, session=session)
            self.broker = AlpacaBroker(account, client, self.shared.market, ports, options, lands_within_s)
        self.broker.start()

    def connect(self) -> Seat:
        assert self.broker.connect(10), self.broker.status
        return self

    def close(self) -> None:
        self.broker.stop()
        assert self.broker.join(time.monotonic() + 30)
        self.shared.market.close()

    @property
    def states(self) -> list[OrderState]:
        return [state for _, _, state, _ in self.fakes.trace.of("journal.answered")]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture(params=["curl", "requests"])
def make_seat(request: pytest.FixtureRequest, venue: Venue) -> Iterator[Callable[..., Seat]]:
    made: list[Seat] = []
    with RawServer(venue) as server:

        def make(**options: Any) -> Seat:
            made.append(Seat(venue, server.url, request.param, **options))
            return made[-1]

        yield make
        for seat in made:
            seat.close()


MakeSeat = Callable[..., Seat]


# -- connecting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paper", "line"), [(True, "ALPACA PAPER account"), (False, "ALPACA LIVE account")])
def test_it_says_which_kind_of_account_it_is(
    make_seat: MakeSeat, caplog: pytest.LogCaptureFixture, paper: bool, line: str
) -> None:
    with caplog.at_level("INFO", logger="nija.alpaca"):
        make_seat(paper=paper).connect()
    said = [record.getMessage() for record in caplog.records if "account" in record.getMessage()]
    assert said == [f"tania:alpaca: {line}"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "SUBMITTED"},
        {"crypto_status": "INACTIVE"},
        {"account_blocked": True},
        {"trading_blocked": True},
        {"transfers_blocked": True},
        {"trade_suspended_by_user": True},
    ],
)
def test_an_account_that_may_not_trade_is_left_out_in_one_line(
    make_seat: MakeSeat, venue: Venue, change: dict[str, Any]
) -> None:
    venue.account |= change
    seat = make_seat()
    assert seat.broker.connect(10) is False
    assert seat.broker.barred
    assert seat.broker.status.startswith("Alpaca: ")
    assert "\n" not in seat.broker.status
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.01")
    assert isinstance(result.outcome, Rejected)
    assert not result.outcome.sent
    assert seat.broker.status in result.reason
    assert venue.sent == []


def test_an_account_that_is_blocked_later_is_noticed_with_its_balances(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    venue.account["trading_blocked"] = True
    with pytest.raises(Exception, match="trading is blocked"):
        seat.broker.refresh_balances(10)
    assert seat.broker.barred


def test_a_key_that_cannot_be_one_makes_no_broker() -> None:
    credentials = Credentials(SecretStr("two words"), SecretStr("SECRET"), "ALPACA_USER_TANIA")
    shared = AlpacaVenue(Environment(alpaca_api_url="http://127.0.0.1:1"), SystemClock())
    with pytest.raises(SettingsError, match="tania:alpaca") as caught:
        shared.broker(AccountSettings(AccountId("tania", BrokerType.ALPACA), credentials), FakePorts().ports())
    assert "two words" not in str(caught.value)


def test_balances_are_those_of_account_and_positions(make_seat: MakeSeat) -> None:
    balances = make_seat().connect().broker.get_account_balance_detailed()
    assert balances.available == {"USD": D("1110.4"), "BTC": D("0.010000001"), "USDC": D("25.5"), "OLD": D(3)}
    assert balances.held == {"USD": D(400), "BTC": D("0.001999999")}
    assert balances.fee_rate == D("0.0022")


# -- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_says_nothing_but_exact_strings(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    result = seat.broker.place_market_order("BTCUSD", "buy", "0.0012345678999", "base")
    (sent,) = venue.sent
    assert result.order is not None
    assert sent == {
        "symbol": "BTC/USD",
        "qty": "0.001234567",
        "side": "buy",
        "type": "market",
        "time_in_force": "gtc",
        "client_order_id": result.order.client_order_id,
    }
    assert result.state is OrderState.FILLED
    assert result.report is not None
    assert result.report.fee_currency == "BTC"
    # One question for the fill, none before the order but for its price.
    assert [name for name, _ in venue.asked].count(f"/orders/{result.order_id}") == 1


def test_a_sell_is_of_what_is_free_of_the_position(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    seat.broker.place_market_order("BTC-USD", "sell", "0.0101", "base")
    assert venue.sent[0]["qty"] == "0.010000001"
    assert isinstance(seat.broker.place_market_order("BTC-USD", "sell", "0.012", "base").outcome, Rejected)
    assert len(venue.sent) == 1


def test_a_buy_below_the_smallest_is_not_sent_and_a_sell_is(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    refused = seat.broker.place_market_order("BTC-USD", "buy", "9.99", "quote")
    assert "10 USD" in refused.reason
    assert venue.sent == []
    assert isinstance(seat.broker.place_market_order("BTC-USD", "sell", "0.0001", "base").outcome, Accepted)


def test_a_name_that_is_taken_is_the_order_and_is_adopted(make_seat: MakeSeat, venue: Venue) -> None:
    def taken(peer: Peer, body: dict[str, Any]) -> bool:
        venue.fill(body)
        return peer.answer_json(
            {"code": 40010001, "message": "client_order_id must be unique"}, "422 Unprocessable Entity"
        )

    venue.answer = taken
    seat = make_seat().connect()
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.001", "base")
    assert isinstance(result.outcome, Accepted)
    assert result.order_id == venue.orders[0]["id"]
    assert seat.states == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert len(venue.sent) == 1


def test_an_order_that_never_arrived_is_proven_absent(make_seat: MakeSeat, venue: Venue) -> None:
    venue.answer = lambda peer, body: peer.reset()
    seat = make_seat(options=BrokerOptions(settle_s=0.2, look_gap_s=0.05), lands_within_s=0.4).connect()
    began = time.monotonic()
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.001", "base")
    assert time.monotonic() - began > 0.6
    assert isinstance(result.outcome, Rejected)
    assert seat.states == [OrderState.UNKNOWN, OrderState.FAILED]
    assert len(venue.sent) == 1


def test_absence_is_proof_only_after_the_order_was_sent_and_could_have_landed(make_seat: MakeSeat) -> None:
    seat = make_seat().connect()
    order = MarketOrder(seat.broker.account, new_client_order_id(), "BTC-USD", Side.BUY, D("0.001"), D(80_000))
    call = seat.broker._venue_prepare(order)
    time.sleep(0.3)
    sent_at_ns = time.monotonic_ns()
    call.send()
    call.order_id()
    lands_and_settles_s = 5 + 8
    assert seat.broker._venue_provable_at_ns() >= sent_at_ns + lands_and_settles_s * 10**9


def test_a_fresh_process_takes_an_earlier_one_to_have_just_sent(make_seat: MakeSeat) -> None:
    before_ns = time.monotonic_ns()
    assert make_seat().broker._venue_provable_at_ns() >= before_ns + (5 + 8) * 10**9


def test_names_are_unique_for_good() -> None:
    assert AlpacaBroker.names_are_unique_for_good


def test_an_order_of_an_earlier_process_is_found_by_its_name(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    order = MarketOrder(seat.broker.account, new_client_order_id(), "BTC-USD", Side.BUY, D("0.0002"), D(80_000))
    venue.add(client_order_id="somebody else's")
    mine = venue.add(client_order_id=order.client_order_id)
    seat.broker.take_up(order, RecordingObserver(seat.fakes.trace), None)
    ((_, outcome, state, _),) = seat.fakes.trace.wait_for("observer.answered")
    assert (outcome, state) == (Accepted(mine["id"]), OrderState.ACCEPTED)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"message": "endpoint not found."}, "404 Not Found"),
        ({"code": 50010000, "message": "internal server error occurred"}, "500 Internal Server Error"),
        ({"id": "o-9", "client_order_id": "another"}, "200 OK"),
    ],
)
def test_a_look_up_without_a_clear_answer_proves_nothing(venue: Venue, body: dict[str, Any], status: str) -> None:
    looked = threading.Event()

    def unclear(peer: Peer, request: Arrived) -> bool:
        if "by_client_order_id" in request.path:
            looked.set()
            return peer.answer_json(body, status)
        return Venue.__call__(venue, peer, request)

    account = AccountId("tania", BrokerType.ALPACA)
    order = MarketOrder(account, new_client_order_id(), "BTC-USD", Side.BUY, D("0.0002"), D(80_000))
    with RawServer(unclear) as server:
        options = BrokerOptions(settle_s=0.0, look_gap_s=0.01)
        other = Seat(venue, server.url, "curl", options=options, lands_within_s=0.0).connect()
        other.broker.take_up(order, RecordingObserver(other.fakes.trace), None)
        assert looked.wait(30)
        time.sleep(0.2)
        assert other.fakes.trace.count("observer.absent") == 0
        assert other.broker.doubts == 1
        other.close()


@pytest.mark.parametrize("message", ["asset BTC/USD is not active", "order qty must be >= minimal qty of order 0.02"])
def test_a_pair_that_changed_is_learnt_from_a_refusal(make_seat: MakeSeat, venue: Venue, message: str) -> None:
    seat = make_seat().connect()
    venue.assets[0]["min_order_size"] = "0.02"
    venue.answer = lambda peer, body: peer.answer_json(
        {"code": 42210000, "message": message}, "422 Unprocessable Entity"
    )
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.001", "base")
    assert isinstance(result.outcome, Rejected)
    assert result.reason == message
    deadline = time.monotonic() + 30
    while seat.shared.market.instrument("BTC-USD").minimum_size != D("0.02"):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


# -- lists -----------------------------------------------------------------------------------------------------------


def test_all_orders_come_each_once_and_oldest_first_over_many_pages(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    # Two and two of the same moment, so that a page ends between two that are.
    placed = [venue.add()["id"] for _ in range(1101)]
    pages: list[None] = []
    found = seat.broker.list_orders(0.0, lambda: pages.append(None)).result(30)
    assert sorted(order.order_id for order in found) == sorted(placed)
    assert [order.time for order in found] == sorted(order.time for order in found)
    assert len(pages) == 3


def test_open_orders_are_listed_however_old_they_are(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    venue.add()
    resting = venue.add(status="new", filled_qty="0", filled_avg_price=None)
    found = seat.broker.list_orders(time.time()).result(30)
    assert [(order.order_id, order.open) for order in found] == [(resting["id"], True)]


def test_only_orders_since_then_are_asked_for(make_seat: MakeSeat, venue: Venue) -> None:
    seat = make_seat().connect()
    for _ in range(4):
        venue.add()
    found = seat.broker.list_orders((_BEGAN + timedelta(seconds=0.9)).timestamp()).result(30)
    assert [order.order_id for order in found] == ["o-3", "o-2"] or [order.order_id for order in found] == [
        "o-2",
        "o-3",
    ]


def test_an_unclear_answer_leaves_the_order_unknown(make_seat: MakeSeat, venue: Venue) -> None:
    venue.answer = lambda peer, body: peer.answer(b"", "504 Gateway Timeout")
    seat = make_seat(options=BrokerOptions(fill_wait_s=0.2)).connect()
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.001", "base")
    assert isinstance(result.outcome, Unknown)
    assert seat.broker.in_doubt("BTC-USD")
    assert len(venue.sent) == 1
