"""What a venue tells of its candles, through the object that the program opens the venue with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from pydantic import SecretStr

from bot.brokers.base import BrokerPorts
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount, RateLimited, VenueUnclear
from bot.domain.ids import AccountId
from bot.runtime.clock import SystemClock
from bot.settings.credentials import Credentials
from bot.settings.env import AccountSettings, Environment
from bot.trading_strategy import Candles
from tests.contract.stand import Stand
from tests.contract.venue import PATIENCE_S
from tests.fakes.ports import FakePorts

SYMBOL = "BTC-USD"
#: As the exchange's journal names the question for candles.
METHODS = {
    BrokerType.KRAKEN: "OHLC",
    BrokerType.COINBASE: "get_public_candles",
    BrokerType.ALPACA: "get_crypto_bars",
}


@pytest.fixture
def opened(stand: Stand) -> Iterator[Any]:
    """The venue, with one account that is connected."""
    name = stand.venue.venue
    environment = Environment(
        **{f"{name}_api_url": stand.venue.url(stand.paper), "http_session": stand.session},
        nija_data_dir=stand.folder,
        kraken_tier="Pro",
    )
    venue = import_module(f"bot.brokers.{name}.setup").open_venue(environment, SystemClock())
    login = stand.venue.login(stand.paper, f"candles.{name}.{stand.folder.name}", {"USD": "100", **stand.venue.beside})
    fakes = FakePorts(None)
    ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
    credentials = Credentials(SecretStr(login.key), SecretStr(login.secret), "TEST")
    broker = venue.broker(AccountSettings(AccountId("candles", name), credentials), ports)
    broker.start()
    assert broker.connect(PATIENCE_S), broker.status
    yield venue
    broker.stop()
    assert broker.join(time.monotonic() + PATIENCE_S)


def asked_within_a_minute(venue: Any, interval_s: int) -> tuple[float, Any]:
    """When the candles were asked for, and they; none began meanwhile."""
    while True:
        asked_at = time.time()
        frame = venue.candles(SYMBOL, interval_s)
        if time.time() // 60 == asked_at // 60:
            return asked_at, frame


def test_candles_can_be_decided_on(opened: Any, stand: Stand) -> None:
    stand.set_market(price="51000")
    for interval_s in (60, 900):
        asked_at, frame = asked_within_a_minute(opened, interval_s)

        candles = Candles(SYMBOL, interval_s, frame, asked_at)

        assert len(candles) >= 300
        assert (candles.gaps, len(frame) - len(candles)) == ((), 1)
        assert candles.closed_at == int(asked_at) // interval_s * interval_s
        assert candles.frame["volume"].sum() > 0
    assert Decimal(str(frame["close"].iloc[-1])) == pytest.approx(51_000, rel=Decimal("0.001"))


def test_what_is_not_there_is_named(opened: Any) -> None:
    with pytest.raises(InvalidAmount, match="XYZ"):
        opened.candles("XYZ-USD", 60)
    with pytest.raises(InvalidAmount, match="no candles of 77 s"):
        opened.candles(SYMBOL, 77)


@pytest.mark.parametrize(
    ("kind", "error"), [("http_503", VenueUnclear), ("http_429", RateLimited)], ids=["down", "too many"]
)
def test_a_venue_that_does_not_answer_well(opened: Any, stand: Stand, kind: str, error: type[Exception]) -> None:
    stand.paper.fault(kind, method=METHODS[stand.venue.venue], venue=stand.venue.venue)

    with pytest.raises(error):
        opened.candles(SYMBOL, 60)

    assert len(opened.candles(SYMBOL, 60)) >= 300
