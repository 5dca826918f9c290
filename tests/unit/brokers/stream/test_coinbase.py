"""What Coinbase's user channel says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.coinbase.stream import CoinbaseConversation
from bot.brokers.stream import Interrupted, KnownSymbols, TurnedAway
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from tests.unit.brokers.stream.stand import (
    MOMENT,
    coinbase_heartbeat,
    coinbase_message,
    coinbase_order,
    coinbase_update,
    symbol_of,
)

REPOSITORY = Path(__file__).resolve().parents[4]
SAMPLES = REPOSITORY.parent / "shared" / "samples" / "coinbase"
ACCOUNT = AccountId.master(BrokerType.COINBASE)


class Talk:
    """A conversation that is spoken to."""

    def __init__(self) -> None:
        self.conversation = CoinbaseConversation(ACCOUNT, ["t-1", "t-2"], KnownSymbols(ACCOUNT, symbol_of))

    def hear(self, *messages: Any) -> list[Execution]:
        return [told for message in messages for told in self.conversation.hear(message, lambda _: None)]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the recorded answers are not beside the repository")
    return json.loads(path.read_text())


class TestSubscribing:
    def test_the_hello_has_a_token_for_each_channel(self, talk: Talk) -> None:
        assert talk.conversation.hello() == [
            {"type": "subscribe", "product_ids": [], "channel": "user", "jwt": "t-1"},
            {"type": "subscribe", "product_ids": [], "channel": "heartbeats", "jwt": "t-2"},
        ]

    def test_both_channels_must_be_acknowledged(self, talk: Talk) -> None:
        talk.hear(coinbase_message(0, "subscriptions", {"subscriptions": {"user": ["u"]}}))
        assert talk.conversation.listening is False
        talk.hear(coinbase_message(1, "subscriptions", {"subscriptions": {"user": ["u"], "heartbeats": ["h"]}}))
        assert talk.conversation.listening is True

    def test_in_whatever_order_and_however(self, talk: Talk) -> None:
        talk.hear(coinbase_heartbeat(0))
        assert talk.conversation.listening is False
        talk.hear(coinbase_update(1, kind="snapshot"))
        assert talk.conversation.listening is True

    def test_an_error(self, talk: Talk) -> None:
        with pytest.raises(TurnedAway, match="authentication failure"):
            talk.hear({"type": "error", "message": "authentication failure"})


class TestSamples:
    def test_the_filled_order(self, talk: Talk) -> None:
        (told,) = talk.hear(sample("ws_user_messages.json")["update_market_fill"])

        assert (told.order_id, told.client_order_id, told.side, told.complete) == ("o1", "c1", Side.BUY, True)
        assert (told.quantity, told.executed, told.price) == (Decimal("0.0002"), Decimal("0.0002"), Decimal(50000))
        assert (told.fee, told.fee_currency) == (Decimal("0.06"), "USD")

    def test_the_error(self, talk: Talk) -> None:
        with pytest.raises(TurnedAway):
            talk.hear(sample("ws_user_messages.json")["error"])

    def test_a_snapshot(self, talk: Talk) -> None:
        assert talk.hear(sample("nautilus_ws_user.json")) == []

    def test_a_heartbeat_and_subscriptions(self, talk: Talk) -> None:
        assert talk.hear(sample("nautilus_ws_heartbeats.json")) == []
        assert Talk().hear(sample("nautilus_ws_subscriptions.json")) == []


class TestOrders:
    def test_the_difference_to_what_was_told_is_what_traded(self, talk: Talk) -> None:
        first, second = talk.hear(
            coinbase_update(0, coinbase_order("O-1", "0.1", "5000", total_fees="5")),
            coinbase_update(
                1, coinbase_order("O-1", "0.3", "15100", total_fees="15.5", status="FILLED", order_side="BUY")
            ),
        )

        assert first == Execution(
            account=ACCOUNT,
            order_id="O-1",  # type: ignore[arg-type]
            client_order_id="name-O-1",  # type: ignore[arg-type]
            symbol="BTC-USD",
            side=Side.BUY,
            quantity=Decimal("0.1"),
            price=Decimal(50000),
            executed=Decimal("0.1"),
            time=MOMENT,
            fee=Decimal(5),
            fee_currency="USD",
        )
        assert (second.quantity, second.price, second.executed) == (Decimal("0.2"), Decimal(50500), Decimal("0.3"))
        assert (second.fee, second.complete) == (Decimal("10.5"), True)

    def test_the_first_time_all_of_it_is_told(self, talk: Talk) -> None:
        (told,) = talk.hear(coinbase_update(0, coinbase_order("O-1", "0.3", "15000")))

        assert (told.quantity, told.executed, told.executed_before) == (Decimal("0.3"), Decimal("0.3"), Decimal(0))

    def test_what_was_filled_before_the_connection_is_left_to_rest(self, talk: Talk) -> None:
        """Nobody knows when it was; with the time of the message an old fill would be copied as a new one."""
        told = talk.hear(
            coinbase_update(0, coinbase_order("O-1", "0.1", "5000"), kind="snapshot"),
            coinbase_update(1, coinbase_order("O-1", "0.3", "15000")),
        )

        assert [(one.executed_before, one.executed) for one in told] == [(Decimal("0.1"), Decimal("0.3"))]

    def test_the_same_state_again_is_nothing(self, talk: Talk) -> None:
        order = coinbase_order("O-1", "0.1", "5000")

        assert len(talk.hear(coinbase_update(0, order), coinbase_update(1, order | {"status": "CANCELLED"}))) == 1

    def test_without_the_value_the_average_counts(self, talk: Talk) -> None:
        (told,) = talk.hear(coinbase_update(0, coinbase_order("O-1", "0.1", "", avg_price="40000")))

        assert told.price == Decimal(40000)

    def test_a_value_that_stands_still_does_not_make_a_price_of_zero(self, talk: Talk) -> None:
        told = talk.hear(
            coinbase_update(0, coinbase_order("O-1", "0.1", "5000")),
            coinbase_update(1, coinbase_order("O-1", "0.10000001", "5000", avg_price="49999")),
        )

        assert told[1].price == Decimal(49999)

    @pytest.mark.parametrize("status", ["FILLED", "CANCELLED", "EXPIRED", "FAILED"])
    def test_these_are_complete(self, talk: Talk, status: str) -> None:
        (told,) = talk.hear(coinbase_update(0, coinbase_order("O-1", "0.1", "5000", status=status)))

        assert told.complete is True

    def test_only_spot_is_followed(self, talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
        future = coinbase_order("O-1", "1", "50", product_type="FUTURE", product_id="BIT-28NOV25-CDE")

        assert talk.hear(coinbase_update(0, future), coinbase_update(1, future | {"order_id": "O-2"})) == []
        assert [record.getMessage() for record in caplog.records] == [
            "master:coinbase: trades of BIT-28NOV25-CDE (FUTURE) are not followed"
        ]

    def test_an_unknown_product_is_named_once(self, talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
        order = coinbase_order("O-1", "1", "50", product_id="ABC-XYZ")

        assert talk.hear(coinbase_update(0, order), coinbase_update(1, order | {"order_id": "O-2"})) == []
        assert len(caplog.records) == 1

    @pytest.mark.parametrize(
        "more",
        [
            {"cumulative_quantity": "x"},
            {"filled_value": "NaN"},
            {"order_id": ""},
            {"order_side": "BOTH"},
            {"product_id": None},
            {"filled_value": "0", "avg_price": "0"},
        ],
        ids=lambda more: "-".join(f"{name}_{value}" for name, value in more.items()),
    )
    def test_what_cannot_be_read_is_not_passed_over(self, talk: Talk, more: dict[str, Any]) -> None:
        with pytest.raises((VenueUnclear, InvalidAmount)):
            talk.hear(coinbase_update(0, coinbase_order("O-1", "0.1", "5000") | more))

    def test_a_time_that_cannot_be_read(self, talk: Talk) -> None:
        with pytest.raises(VenueUnclear):
            talk.hear(coinbase_update(0, coinbase_order("O-1", "0.1", "5000")) | {"timestamp": ""})


class TestNumbers:
    def test_they_go_on_across_channels(self, talk: Talk) -> None:
        talk.hear(coinbase_heartbeat(4), coinbase_update(5), coinbase_heartbeat(6))
        with pytest.raises(Interrupted, match="a message is missing: 8 came after 6"):
            talk.hear(coinbase_update(8))

    def test_the_same_again(self, talk: Talk) -> None:
        message = coinbase_update(0, coinbase_order("O-1", "0.1", "5000"))

        assert len(talk.hear(message, coinbase_heartbeat(1), message)) == 1
