"""What Kraken's executions say."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.kraken.stream import KrakenConversation
from bot.brokers.stream import Interrupted, KnownSymbols, TurnedAway
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from tests.unit.brokers.stream.stand import MOMENT, TOKEN, kraken_trade, kraken_update, symbol_of

REPOSITORY = Path(__file__).resolve().parents[4]
RECORDED = REPOSITORY / "tests" / "data" / "kraken"
ACCOUNT = AccountId.master(BrokerType.KRAKEN)


class Talk:
    """A conversation that is spoken to."""

    def __init__(self) -> None:
        self.conversation = KrakenConversation(ACCOUNT, TOKEN, KnownSymbols(ACCOUNT, symbol_of))
        self.said: list[Any] = []

    def hear(self, *messages: Any) -> list[Execution]:
        return [told for message in messages for told in self.conversation.hear(message, self.said.append)]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"ws_{name}.json").read_text(), **EXACT_NUMBERS)


class TestSubscribing:
    def test_the_hello(self, talk: Talk) -> None:
        (hello,) = talk.conversation.hello()

        assert hello["method"] == "subscribe"
        assert hello["params"] == {
            "channel": "executions",
            "token": TOKEN,
            "snap_orders": True,
            "snap_trades": True,
            "order_status": True,
        }

    def test_the_acknowledgement(self, talk: Talk) -> None:
        talk.hear(recorded("status"))
        assert talk.conversation.listening is False
        talk.hear(recorded("executions_subscribed"))
        assert talk.conversation.listening is True

    def test_a_bad_token(self, talk: Talk) -> None:
        with pytest.raises(TurnedAway, match="ESession:Invalid session"):
            talk.hear(recorded("executions_bad_token"))

    def test_another_error(self, talk: Talk) -> None:
        with pytest.raises(Interrupted, match="Malformed request") as caught:
            talk.hear({"error": "Malformed request", "method": "", "success": False})
        assert not isinstance(caught.value, TurnedAway)

    @pytest.mark.parametrize("system", ["online", "post_only", "cancel_only"])
    def test_a_venue_that_trades_is_not_in_maintenance(self, talk: Talk, system: str) -> None:
        talk.hear({"channel": "status", "data": [{"system": system}]})

        assert talk.conversation.in_maintenance is False

    def test_maintenance(self, talk: Talk) -> None:
        assert talk.conversation.in_maintenance is None
        talk.hear({"channel": "status", "data": [{"system": "maintenance"}]})

        assert talk.conversation.in_maintenance is True

    @pytest.mark.parametrize(
        "message",
        [{"channel": "heartbeat"}, {"method": "pong", "req_id": 3}, {"channel": "ticker", "data": 3}, {}],
        ids=["heartbeat", "pong", "another channel", "nothing"],
    )
    def test_what_says_nothing(self, talk: Talk, message: Any) -> None:
        assert talk.hear(message) == []


class TestTrades:
    def test_the_recorded_one(self, talk: Talk) -> None:
        messages = [recorded(f"executions_{name}") for name in ("pending_new", "new", "trade")]
        for number, message in enumerate(messages, start=1):
            message["sequence"] = number

        (told,) = talk.hear(*messages)

        row = messages[-1]["data"][0]
        assert told.order_id == row["order_id"]
        assert told.side == Side(row["side"])
        assert (told.quantity, told.price, told.executed) == (row["last_qty"], row["last_price"], row["cum_qty"])
        assert (told.fee, told.fee_currency) == (row["fees"][0]["qty"], row["fees"][0]["asset"])
        # All of the order's size, which only its first report names.
        assert told.complete is True

    def test_every_field(self, talk: Talk) -> None:
        (told,) = talk.hear(kraken_update(1, kraken_trade("O-1", "0.25", "0.75", "50000.1", side="sell")))

        assert told == Execution(
            account=ACCOUNT,
            order_id="O-1",  # type: ignore[arg-type]
            client_order_id="name-O-1",  # type: ignore[arg-type]
            symbol="BTC-USD",
            side=Side.SELL,
            quantity=Decimal("0.25"),
            price=Decimal("50000.1"),
            executed=Decimal("0.75"),
            time=MOMENT,
            fee=Decimal("0.25"),
            fee_currency="USD",
        )

    def test_what_only_the_first_report_says_is_remembered(self, talk: Talk) -> None:
        first = {
            "order_id": "O-1",
            "cl_ord_id": "mine",
            "symbol": "ETH/USD",
            "side": "sell",
            "exec_type": "pending_new",
        }
        later = kraken_trade("O-1", "1", "1", "3000", symbol=None, side=None, cl_ord_id=None)

        (told,) = talk.hear(kraken_update(1, first), kraken_update(2, later))

        assert (told.symbol, told.side, told.client_order_id) == ("ETH-USD", Side.SELL, "mine")

    def test_open_orders_of_the_snapshot_are_remembered_too(self, talk: Talk) -> None:
        opened = {"order_id": "O-1", "symbol": "ETH/USD", "side": "sell", "exec_type": "new", "order_status": "new"}
        later = kraken_trade("O-1", "1", "1", "3000", symbol=None, side=None, cl_ord_id=None)
        snapshot = kraken_update(1, opened | {"order_qty": Decimal(1)}, kind="snapshot")

        (told,) = talk.hear(snapshot, kraken_update(2, later))

        assert (told.symbol, told.side, told.client_order_id, told.complete) == ("ETH-USD", Side.SELL, None, True)

    def test_orders_that_ended_are_forgotten(self, talk: Talk) -> None:
        for number, end in enumerate(("filled", "canceled", "expired")):
            order = f"O-{number}"
            talk.hear(
                kraken_update(2 * number + 1, kraken_trade(order, "1", "1", "3000")),
                kraken_update(2 * number + 2, {"order_id": order, "exec_type": end, "order_status": end}),
            )

        assert talk.conversation._orders == {}

    @pytest.mark.parametrize(
        ("more", "complete"),
        [
            ({}, False),
            ({"order_status": "filled"}, True),
            ({"order_status": "canceled"}, True),
            ({"order_qty": Decimal("0.5")}, True),
            ({"order_qty": Decimal("0.6")}, False),
        ],
        ids=["partial", "filled", "canceled", "all of it", "a part of it"],
    )
    def test_when_it_is_complete(self, talk: Talk, more: dict[str, Any], complete: bool) -> None:
        (told,) = talk.hear(kraken_update(1, kraken_trade("O-1", "0.5", "0.5", "3000", **more)))

        assert told.complete is complete

    def test_a_fill_as_its_own_event_is_not_told_again(self, talk: Talk) -> None:
        filled = {"order_id": "O-1", "exec_type": "filled", "order_status": "filled", "cum_qty": Decimal("0.5")}

        assert talk.hear(kraken_update(1, filled)) == []

    def test_fees_of_one_currency_are_added(self, talk: Talk) -> None:
        fees = [{"asset": "USD", "qty": Decimal("0.1")}, {"asset": "USD", "qty": Decimal("0.2")}]
        (told,) = talk.hear(kraken_update(1, kraken_trade("O-1", "1", "1", "3000", fees=fees)))

        assert (told.fee, told.fee_currency) == (Decimal("0.3"), "USD")

    def test_without_fees(self, talk: Talk) -> None:
        (told,) = talk.hear(kraken_update(1, kraken_trade("O-1", "1", "1", "3000", fees=None)))

        assert (told.fee, told.fee_currency) == (Decimal(0), "")

    @pytest.mark.parametrize(
        "kind", ["pending_new", "new", "amended", "restated", "status", "iceberg_refill", "canceled", "expired", "odd"]
    )
    def test_other_reports_are_no_trades(self, talk: Talk, kind: str) -> None:
        assert talk.hear(kraken_update(1, kraken_trade("O-1", "1", "1", "3000", exec_type=kind))) == []

    @pytest.mark.parametrize("field", ["margin", "margin_borrow"])
    def test_borrowed_money_is_not_followed(self, talk: Talk, field: str, caplog: pytest.LogCaptureFixture) -> None:
        opened = {"order_id": "O-1", "exec_type": "new", field: True}
        trades = [kraken_update(number, kraken_trade("O-1", "1", "1", "3000")) for number in (2, 3)]

        assert talk.hear(kraken_update(1, opened), *trades) == []
        assert [record.getMessage() for record in caplog.records] == [
            "master:kraken: trades of BTC/USD on margin are not followed"
        ]

    def test_an_unknown_symbol_is_named_once(self, talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        trades = [kraken_trade("O-1", "1", str(n), "3000", symbol="AAPLx/USD") for n in (1, 2)]

        assert talk.hear(kraken_update(1, *trades), kraken_update(2, kraken_trade("O-2", "1", "1", "3000"))) != []
        assert [record.getMessage() for record in caplog.records] == [
            "master:kraken: trades of AAPLx/USD are not followed"
        ]

    @pytest.mark.parametrize(
        "more",
        [
            {"cum_qty": None},
            {"cum_qty": Decimal("0.5")},
            {"last_qty": None},
            {"last_qty": Decimal(0)},
            {"last_qty": Decimal(-1)},
            {"last_price": "x"},
            {"side": "both"},
            {"side": None},
            {"symbol": None},
            {"timestamp": "soon"},
            {"order_id": ""},
            {"fees": 3},
        ],
        ids=lambda more: "-".join(f"{name}_{value}" for name, value in more.items()),
    )
    def test_what_cannot_be_read_is_not_passed_over(self, talk: Talk, more: dict[str, Any]) -> None:
        with pytest.raises((VenueUnclear, InvalidAmount)):
            talk.hear(kraken_update(1, kraken_trade("O-1", "1", "1", "3000") | more))


class TestSnapshots:
    def test_trades_without_their_orders_total_are_left_to_rest(self, talk: Talk) -> None:
        snapshot = recorded("executions_snapshot_trades")

        assert all("cum_qty" not in row for row in snapshot["data"])
        assert talk.hear(snapshot) == []

    def test_others_are_told_oldest_first(self, talk: Talk) -> None:
        trades = [kraken_trade("O-1", "1", executed, "3000", order_status="filled") for executed in ("2", "1")]
        told = talk.hear(kraken_update(1, *trades, kind="snapshot"))

        assert [one.executed for one in told] == [Decimal(1), Decimal(2)]
        # That the order is filled is of now, not of the time of the trade.
        assert [one.complete for one in told] == [False, False]

    def test_an_unreadable_one_does_not_end_every_connection(self, talk: Talk) -> None:
        rows = [{"order_id": "O-1", "exec_type": "trade"}, kraken_trade("O-2", "1", "1", "3000")]

        assert len(talk.hear(kraken_update(1, *rows, kind="snapshot"))) == 1


class TestNumbers:
    def test_a_gap(self, talk: Talk) -> None:
        talk.hear(kraken_update(1))
        with pytest.raises(Interrupted, match="a message is missing: 3 came after 1"):
            talk.hear(kraken_update(3))

    def test_the_same_again(self, talk: Talk) -> None:
        message = kraken_update(1, kraken_trade("O-1", "1", "1", "3000"))

        assert len(talk.hear(message, kraken_update(2), message)) == 1

    def test_another_of_the_same_number(self, talk: Talk) -> None:
        talk.hear(kraken_update(1, kraken_trade("O-1", "1", "1", "3000")))
        with pytest.raises(Interrupted, match="another message"):
            talk.hear(kraken_update(1, kraken_trade("O-1", "2", "2", "3000")))

    @pytest.mark.parametrize("number", ["1", True, Decimal("1.5")], ids=["text", "true", "fraction"])
    def test_no_number(self, talk: Talk, number: Any) -> None:
        with pytest.raises(Interrupted, match="no whole number"):
            talk.hear(kraken_update(number))
