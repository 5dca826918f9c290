"""What Alpaca's trade updates say."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.alpaca.stream import AlpacaConversation
from bot.brokers.stream import KnownSymbols, TurnedAway
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from tests.unit.brokers.stream.stand import KEY, MOMENT, SECRET, alpaca_fill, symbol_of

REPOSITORY = Path(__file__).resolve().parents[4]
SAMPLES = REPOSITORY.parent / "shared" / "samples" / "alpaca"
ACCOUNT = AccountId.master(BrokerType.ALPACA)


class Talk:
    """A conversation that is spoken to."""

    def __init__(self) -> None:
        self.conversation = AlpacaConversation(ACCOUNT, KEY, SECRET, KnownSymbols(ACCOUNT, symbol_of))
        self.said: list[Any] = []

    def hear(self, *messages: Any) -> list[Execution]:
        return [told for message in messages for told in self.conversation.hear(message, self.said.append)]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def sample() -> Any:
    path = SAMPLES / "trade_updates.json"
    if not path.exists():
        pytest.skip("the recorded answers are not beside the repository")
    return json.loads(path.read_text())


class TestEntering:
    def test_the_keys_then_the_stream(self, talk: Talk) -> None:
        assert talk.conversation.hello() == [{"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}]
        talk.hear({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})
        assert talk.said == [{"action": "listen", "data": {"streams": ["trade_updates"]}}]
        assert talk.conversation.listening is False
        talk.hear({"stream": "listening", "data": {"streams": ["trade_updates"]}})
        assert talk.conversation.listening is True

    def test_as_the_sample_has_it(self, talk: Talk, sample: Any) -> None:
        assert talk.conversation.hello()[0].keys() == sample["auth_sent_by_sdk"].keys()
        talk.hear(sample["auth_ok"], sample["listening"])
        assert talk.said == [sample["listen_sent_by_sdk"]]
        assert talk.conversation.listening is True
        with pytest.raises(TurnedAway, match="unauthorized"):
            talk.hear(sample["auth_bad"])

    @pytest.mark.parametrize(
        "message",
        [
            {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}},
            {"stream": "authorization", "data": {}},
            {"stream": "listening", "data": {"streams": []}},
            {"stream": "listening", "data": {"error": "not allowed"}},
            {"stream": "error", "data": {}},
            {"action": "error", "data": {"error_message": "internal"}},
        ],
        ids=["unauthorized", "no status", "another stream", "listening refused", "error", "older error"],
    )
    def test_refusals(self, talk: Talk, message: Any) -> None:
        with pytest.raises(TurnedAway):
            talk.hear(message)


class TestFills:
    def test_every_field(self, talk: Talk) -> None:
        (told,) = talk.hear(alpaca_fill("O-1", "0.2", "0.5", "76612.9", order={"side": "sell"}))

        assert told == Execution(
            account=ACCOUNT,
            order_id="O-1",  # type: ignore[arg-type]
            client_order_id="name-O-1",  # type: ignore[arg-type]
            symbol="BTC-USD",
            side=Side.SELL,
            quantity=Decimal("0.2"),
            price=Decimal("76612.9"),
            executed=Decimal("0.5"),
            time=MOMENT,
        )

    def test_the_last_one_is_complete(self, talk: Talk) -> None:
        (told,) = talk.hear(alpaca_fill("O-1", "0.2", "0.5", "76612.9", event="fill"))

        assert told.complete is True

    def test_the_sample(self, talk: Talk, sample: Any) -> None:
        message = sample["fill"]
        message["data"]["order"] = alpaca_fill("O-1", "0.0002", "0.0002", "1")["data"]["order"]
        (told,) = talk.hear(message)

        assert (told.quantity, told.price, told.complete) == (Decimal("0.0002"), Decimal("76612.9"), True)

    @pytest.mark.parametrize(
        "event",
        ["new", "canceled", "expired", "done_for_day", "replaced", "rejected", "pending_new", "calculated", "?"],
    )
    def test_other_events_are_no_fills(self, talk: Talk, event: str) -> None:
        assert talk.hear(alpaca_fill("O-1", "0.2", "0.5", "76612.9", event=event)) == []

    def test_other_streams_are_none(self, talk: Talk) -> None:
        assert talk.hear({"stream": "account_updates", "data": {}}, {"stream": "odd"}, {}) == []

    @pytest.mark.parametrize(
        "order",
        [
            {"symbol": "AAPL", "asset_class": "us_equity"},
            {"symbol": "BTC/USD", "asset_class": "us_option"},
            {"symbol": "X/Y"},
        ],
        ids=["share", "option", "unknown coin"],
    )
    def test_what_is_no_coin_of_ours_is_named_once(
        self, talk: Talk, order: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        messages = [alpaca_fill(name, "0.2", "0.5", "1", order=order) for name in ("O-1", "O-2")]

        assert talk.hear(*messages) == []
        assert len(caplog.records) == 1

    @pytest.mark.parametrize(
        "more",
        [
            {"qty": None},
            {"qty": "0"},
            {"price": ""},
            {"timestamp": None},
            {"order": {"filled_qty": None}},
            {"order": {"filled_qty": "0.1"}},
            {"order": {"side": ""}},
            {"order": {"id": ""}},
            {"order": {"symbol": None}},
        ],
        ids=lambda more: json.dumps(more),
    )
    def test_what_cannot_be_read_is_not_passed_over(self, talk: Talk, more: dict[str, Any]) -> None:
        with pytest.raises((VenueUnclear, InvalidAmount)):
            talk.hear(alpaca_fill("O-1", "0.2", "0.5", "1", **more))

    def test_data_that_is_no_object(self, talk: Talk) -> None:
        with pytest.raises(VenueUnclear):
            talk.hear({"stream": "trade_updates", "data": [1]})
