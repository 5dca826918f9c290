"""What a broker offers to whoever watches its account: balances as they come, executions, and a socket's address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from bot.brokers.alpaca.setup import LIVE_SOCKET_URL, PAPER_SOCKET_URL, AlpacaVenue
from bot.brokers.alpaca.stream import AlpacaTradeUpdates
from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.coinbase.setup import USER_SOCKET_URL, CoinbaseVenue
from bot.brokers.coinbase.stream import CoinbaseOrders
from bot.brokers.coinbase.tokens import TokenMaker, load_key
from bot.brokers.kraken.setup import PRIVATE_SOCKET_URL, KrakenVenue
from bot.brokers.kraken.stream import KrakenExecutions
from bot.brokers.wiring import own_api_url_of, socket_url_of
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.orders import AccountBalances
from bot.runtime.clock import SystemClock
from bot.settings.credentials import Credentials
from bot.settings.env import AccountSettings, Environment
from tests.fakes.broker import send
from tests.fakes.ports import FakePorts
from tests.fakes.stage import MASTER, BrokerStage
from tests.fakes.trace import PATIENCE_S
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.coinbase_data import EC_KEY, KEY_NAME, SECRET

D = Decimal
BTC = "BTC-USD"


class Nobody:
    """A listener that is told nothing."""

    def listening(self) -> None:
        raise AssertionError

    def executed(self, executions: Sequence[Execution]) -> None:
        raise AssertionError

    def interrupted(self, reason: str) -> None:
        raise AssertionError


@pytest.fixture
def stage() -> Iterator[BrokerStage]:
    made = BrokerStage(MASTER)
    yield made
    made.close()


# -- balances --------------------------------------------------------------------------------------------------------


def test_every_answer_about_balances_is_heard_as_the_venue_gave_it(stage: BrokerStage) -> None:
    heard: list[AccountBalances] = []
    stage.broker.hear_balances(heard.append)
    answers = [stage.broker.snapshot(available={"USD": D(amount)}) for amount in (1, 2, 3)]
    stage.broker.balance_answers.extend(answers)
    stage.connect()
    stage.broker.refresh_balances(PATIENCE_S)
    assert stage.broker.list_executions(0.0).result(PATIENCE_S) == []
    assert len(heard) == 3
    assert all(one is other for one, other in zip(heard, answers, strict=True))


def test_balances_that_trail_a_fill_are_heard_although_the_computed_ones_stand(stage: BrokerStage) -> None:
    stage.connect()
    trailing = stage.broker.snapshot()
    stage.broker.balance_answers.append(trailing)
    heard: list[AccountBalances] = []
    stage.broker.hear_balances(heard.append)
    stage.place()
    assert stage.broker.wait_for_balances(PATIENCE_S)
    assert heard[0] is trailing
    assert heard[-1].available["BTC"] == D("0.002")
    assert stage.broker.settled_balances is heard[-1]


def test_whoever_hears_and_fails_is_logged_and_nobody_else_suffers(
    stage: BrokerStage, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[AccountBalances] = []

    def fail(_: AccountBalances) -> None:
        raise RuntimeError("the ear fell off")

    stage.broker.hear_balances(fail)
    stage.broker.hear_balances(heard.append)
    with caplog.at_level(logging.ERROR):
        stage.connect()
    assert len(heard) == 1
    assert "the ear fell off" in caplog.text


def test_balances_are_heard_in_the_lane(stage: BrokerStage) -> None:
    stage.broker.hear_balances(lambda _: stage.broker._note("heard"))
    stage.connect()
    stage.broker.refresh_balances(PATIENCE_S)
    assert stage.trace.count("heard") == 2
    assert len(stage.broker.lane_threads) == 1


# -- executions ------------------------------------------------------------------------------------------------------


def execution(time: float) -> Execution:
    return Execution(MASTER, VenueOrderId("O1"), None, BTC, Side.BUY, D("0.1"), D(50_000), D("0.1"), time)


def test_executions_come_oldest_first_and_the_balances_after_them(stage: BrokerStage) -> None:
    stage.connect()
    stage.broker.execution_answers.append([execution(2.0), execution(1.0)])
    pages: list[None] = []
    found = stage.broker.list_executions(0.5, lambda: pages.append(None)).result(PATIENCE_S)
    assert [one.time for one in found] == [1.0, 2.0]
    assert len(pages) == 1
    assert stage.trace.of("venue.executions") == [0.5]
    assert stage.trace.position("venue.executions") < len(stage.trace.steps) - 1
    assert stage.trace.steps[-1] == "venue.balances"


def test_balances_that_were_not_had_are_asked_for_again_and_the_executions_are_not(stage: BrokerStage) -> None:
    stage.connect()
    stage.broker.execution_answers.append([execution(1.0)])
    stage.broker.balance_answers.append(VenueUnclear("timeout"))
    assert len(stage.broker.list_executions(0.0).result(PATIENCE_S)) == 1
    assert stage.trace.count("venue.executions") == 1
    assert stage.trace.count("venue.balances") == 3


def test_a_question_that_fails_again_and_again_says_why(stage: BrokerStage) -> None:
    stage.connect()
    stage.broker.execution_answers.extend([VenueUnclear("timeout")] * 3)
    with pytest.raises(VenueUnclear, match="timeout"):
        stage.broker.list_executions(0.0).result(PATIENCE_S)
    assert stage.trace.count("venue.executions") == 3


def test_it_waits_for_the_rate_limit(stage: BrokerStage) -> None:
    stage.connect()
    stage.broker.read_delay = 0.3
    answer = stage.broker.list_executions(0.0)
    send(stage.broker, stage.order(), stage.observer)
    stage.trace.wait_for("observer.answered")  # orders do not wait with it
    assert not answer.done()
    assert stage.trace.count("venue.executions") == 0
    stage.broker.read_delay = 0.0
    assert answer.result(PATIENCE_S) == []


# -- where the socket is ---------------------------------------------------------------------------------------------

OWN = "https://api.example.com"


@pytest.mark.parametrize(
    ("said", "api", "expected"),
    [
        (None, OWN, "wss://own"),
        (None, "http://127.0.0.1:1", None),
        ("ws://127.0.0.1:2", OWN, "ws://127.0.0.1:2"),
        ("ws://127.0.0.1:2", "http://127.0.0.1:1", "ws://127.0.0.1:2"),
    ],
    ids=["the venue's own", "another api", "said", "both said"],
)
def test_the_venues_own_socket_goes_with_its_own_api_only(said: str | None, api: str, expected: str | None) -> None:
    assert socket_url_of(said, api, OWN, "wss://own") == expected


def test_the_own_addresses_are_those_of_the_settings() -> None:
    assert own_api_url_of(BrokerType.KRAKEN) == "https://api.kraken.com"
    assert own_api_url_of(BrokerType.COINBASE) == "https://api.coinbase.com"
    assert own_api_url_of(BrokerType.ALPACA) is None


KRAKEN_SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
Make = Callable[..., BaseBroker]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[BaseBroker] = []

    def build(venue: BrokerType, paper: bool = True, **settings: Any) -> BaseBroker:
        environment = Environment(nija_data_dir=tmp_path / str(len(made)), **settings)
        kind = {"kraken": KrakenVenue, "coinbase": CoinbaseVenue, "alpaca": AlpacaVenue}[venue]
        key, secret = {
            "kraken": ("key", KRAKEN_SECRET),
            "coinbase": (KEY_NAME, SECRET),
            "alpaca": ("PKEY", "canarySecret"),
        }[venue]
        credentials = Credentials(SecretStr(key), SecretStr(secret), "MASTER", paper)
        fakes = FakePorts()
        ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
        broker = kind(environment, SystemClock()).broker(AccountSettings(AccountId.master(venue), credentials), ports)
        broker.start()
        made.append(broker)
        return broker

    yield build
    for broker in made:
        broker.stop()
        assert broker.join(SystemClock().monotonic_ns() / 1e9 + PATIENCE_S)


@pytest.mark.parametrize(
    ("venue", "paper", "kind", "url"),
    [
        (BrokerType.KRAKEN, True, KrakenExecutions, PRIVATE_SOCKET_URL),
        (BrokerType.COINBASE, True, CoinbaseOrders, USER_SOCKET_URL),
        (BrokerType.ALPACA, True, AlpacaTradeUpdates, PAPER_SOCKET_URL),
        (BrokerType.ALPACA, False, AlpacaTradeUpdates, LIVE_SOCKET_URL),
    ],
    ids=["kraken", "coinbase", "alpaca-paper", "alpaca-live"],
)
def test_each_venue_has_its_own_socket(make: Make, venue: BrokerType, paper: bool, kind: type, url: str) -> None:
    broker = make(venue, paper)
    assert broker._stream_url == url  # type: ignore[attr-defined]
    stream = broker.open_stream(Nobody())
    assert isinstance(stream, kind)
    assert not stream.healthy  # type: ignore[attr-defined]


@pytest.mark.parametrize("venue", BrokerType)
def test_another_api_has_no_socket_unless_it_is_said_where(make: Make, venue: BrokerType) -> None:
    api = {f"{venue}_api_url": "http://127.0.0.1:9"}
    assert make(venue, **api).open_stream(Nobody()) is None
    said = make(venue, **api, **{f"{venue}_ws_url": "ws://127.0.0.1:8/s"})
    assert said._stream_url == "ws://127.0.0.1:8/s"  # type: ignore[attr-defined]
    assert said.open_stream(Nobody()) is not None


# -- what the socket is told -----------------------------------------------------------------------------------------


def test_a_coinbase_sockets_token_names_no_request_and_lives_at_most_two_minutes() -> None:
    token = TokenMaker(KEY_NAME, load_key(SECRET), HandClock(), 7).make_for_socket()
    options: Any = {"verify_exp": False, "verify_nbf": False}
    claims = jwt.decode(token, EC_KEY.public_key(), algorithms=["ES256"], issuer="cdp", options=options)
    assert "uri" not in claims
    assert claims["sub"] == KEY_NAME
    assert 60 < claims["exp"] - HandClock().time() <= 90
    assert claims["exp"] - claims["nbf"] <= 120
