"""What a key may do, the venue's clock, and an order that is judged and not placed: the same at all venues."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from bot.brokers.base.key import RECHECK_S
from bot.brokers.kraken.client import KrakenClient
from bot.domain.enums import BrokerType
from bot.domain.errors import AccountBarred, InvalidAmount, VenueError
from tests.contract.alpaca import ALPACA
from tests.contract.checks import BUY, assert_nothing_sent
from tests.contract.coinbase import COINBASE
from tests.contract.kraken import KRAKEN
from tests.contract.stand import Seat, Stand
from tests.contract.venue import PATIENCE_S, Venue
from tests.contract.venues import each, only

_MAY_TRADE = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "create-ws-token"]

#: What makes a key dangerous: fields of the account -> words that have to be said.
_MOVES_MONEY: dict[BrokerType, dict[str, tuple[Mapping[str, Any], str]]] = {
    BrokerType.KRAKEN: {
        word: ({"permissions": [*_MAY_TRADE, word]}, word)
        for word in ("withdraw-funds", "add-withdraw-address", "update-withdraw-address")
    },
    BrokerType.COINBASE: {"can_transfer": ({"can_transfer": True}, "can_transfer")},
    BrokerType.ALPACA: {},
}

Danger = tuple[Mapping[str, Any], str]


def dangers(venue: Venue) -> Mapping[str, Danger]:
    return _MOVES_MONEY[venue.venue]


# -- the key ---------------------------------------------------------------------------------------------------------


def test_a_good_key_may_trade_and_move_no_money(stand: Stand) -> None:
    seat = stand.seat()
    report = seat.broker.key_check(PATIENCE_S)

    assert report is not None
    assert report.may_trade
    assert not report.may_move_money
    assert report.refusal == ""
    assert report.nonce_window == 0
    assert seat.order_calls() == 0


@each("danger", dangers)
@pytest.mark.parametrize("master", [True, False], ids=["master", "user"])
def test_a_key_that_may_move_money_is_barred_and_told_why(stand: Stand, danger: Danger, master: bool) -> None:
    fields, word = danger
    seat = stand.seat(fields=fields, master=master)

    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.barred
    for words in ("may move money", word, "https://"):
        assert words in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


@each("danger", dangers)
def test_asking_what_such_a_key_may_bars_nobody(stand: Stand, danger: Danger) -> None:
    fields, word = danger
    seat = stand.seat(fields=fields)
    report = seat.broker.key_check(PATIENCE_S)

    assert report is not None
    assert report.may_move_money
    assert any(word in named for named in report.moves_money)
    assert not seat.broker.barred


@each("danger", dangers)
def test_a_key_that_is_allowed_more_later_is_found_within_a_day(stand: Stand, danger: Danger) -> None:
    fields, word = danger
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", **fields)

    tend(seat)
    assert seat.broker.connected, "it is not asked at every look"

    seat.broker._key_checked_at -= RECHECK_S + 1
    tend(seat)
    assert seat.broker.barred
    assert word in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


@each("lack", lambda venue: {text: (text, peculiar) for text, peculiar in venue.powerless.items() if peculiar.fields})
def test_what_a_key_lacks_is_told(stand: Stand, lack: Any) -> None:
    text, peculiar = lack
    assert text in told_of(stand.seat(peculiar=peculiar))


def told_of(seat: Seat) -> str:
    """What the venue says of a key that is not good enough: in its report, or by refusing to tell."""
    try:
        report = seat.broker.key_check(PATIENCE_S)
    except AccountBarred as error:
        return str(error)
    assert report is not None
    assert not report.may_trade
    return report.refusal


def test_a_revoked_key_is_told_as_refused(stand: Stand) -> None:
    seat = stand.seat()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)
    with pytest.raises(AccountBarred):
        seat.broker.key_check(PATIENCE_S)


def test_a_recheck_that_gets_no_answer_bars_nobody(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.broker._key_checked_at -= RECHECK_S + 1
    seat.any_fault("http_503", times=None)
    tend(seat)
    assert not seat.broker.barred


def tend(seat: Seat) -> None:
    """Housekeeping, now."""
    seat.broker._lane.call(seat.broker._tend, PATIENCE_S)


# -- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [0, 60, -60], ids=["same", "venue-ahead", "venue-behind"])
def test_the_clocks_are_compared(stand: Stand, ahead_s: int) -> None:
    stand.settings(clock_offset_s=ahead_s)
    drift = stand.seat().broker.clock_drift(PATIENCE_S)
    assert abs(drift + ahead_s) < 1.5


def test_a_venue_that_does_not_tell_its_time_says_why(stand: Stand) -> None:
    stand.paper.fault("http_503", venue=stand.venue.venue, times=None)
    with pytest.raises(VenueError):
        stand.seat().broker.clock_drift(PATIENCE_S)


# -- an order that is judged -----------------------------------------------------------------------------------------

judging = only(lambda venue: venue is not ALPACA)


@judging
@pytest.mark.parametrize("symbol", ["BTC-USD", "ETH-USD", "DOGE-USD"])
def test_the_smallest_order_is_judged_and_none_is_placed(stand: Stand, symbol: str) -> None:
    seat = stand.seat().connect()
    before = seat.balances()

    assert seat.broker.validates_orders
    assert seat.broker.validate_order(symbol, PATIENCE_S) is None

    assert seat.orders() == []
    assert seat.balances() == before
    assert seat.fakes.trace.of("journal.intend") == []


@judging
def test_an_order_that_would_be_refused_is_told(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.settings(system_status="cancel_only")
    try:
        assert seat.broker.validate_order("BTC-USD", PATIENCE_S)
    finally:
        stand.settings(system_status="online")
    assert seat.orders() == []


@judging
def test_a_symbol_that_is_not_listed_cannot_be_judged(stand: Stand) -> None:
    with pytest.raises(InvalidAmount):
        stand.seat().connect().broker.validate_order("NO-SUCH", PATIENCE_S)


@only(lambda venue: venue is ALPACA)
def test_where_nothing_can_be_judged_it_is_said(stand: Stand) -> None:
    seat = stand.seat().connect()
    assert not seat.broker.validates_orders
    with pytest.raises(NotImplementedError):
        seat.broker.validate_order("BTC-USD", PATIENCE_S)
    assert seat.orders() == []


# -- what only one of them tells -------------------------------------------------------------------------------------


@only(lambda venue: venue is KRAKEN)
def test_kraken_tells_window_addresses_and_end(stand: Stand) -> None:
    ends_at = int(time.time()) + 86_400
    fields = {"nonce_window": 7, "ip_allowlist": ["192.0.2.7"], "valid_until": ends_at}
    report = stand.seat(fields=fields).broker.key_check(PATIENCE_S)

    assert report is not None
    assert (report.nonce_window, report.allowed_addresses, report.valid_until) == (7, ("192.0.2.7",), ends_at)
    assert report.refusal == ""


@only(lambda venue: venue is KRAKEN)
def test_a_server_in_krakens_place_may_be_without_the_method_and_kraken_may_not(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = stand.relay()
    relay.changes["GetApiKeyInfo"] = lambda _, __: {"error": ["EGeneral:Unknown method"]}
    assert stand.seat(url=relay.url).broker.key_check(PATIENCE_S) is None

    monkeypatch.setattr(KrakenClient, "is_kraken_itself", True)
    other = stand.relay()
    other.changes["GetApiKeyInfo"] = lambda _, __: {"error": ["EGeneral:Unknown method"]}
    seat = stand.seat(url=other.url)
    assert seat.broker.connect(PATIENCE_S) is False
    assert "does not tell what the API key may do" in seat.broker.status
    assert not seat.broker.barred, "it is asked again"
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


@only(lambda venue: venue is KRAKEN)
def test_too_many_calls_are_no_reason_to_trade_with_an_unknown_key(stand: Stand) -> None:
    seat = stand.seat()
    seat.any_fault("error", method="GetApiKeyInfo", text="EAPI:Rate limit exceeded", times=None)
    assert seat.broker.connect(PATIENCE_S) is False
    assert "Rate limit" in seat.broker.status


@only(lambda venue: venue is COINBASE)
def test_a_venue_that_does_not_say_whether_a_key_may_transfer_is_not_believed(stand: Stand) -> None:
    relay = stand.relay()
    relay.changes["key_permissions"] = lambda _, answer: {k: v for k, v in answer.items() if k != "can_transfer"}
    seat = stand.seat(url=relay.url)
    assert seat.broker.connect(PATIENCE_S) is False
    assert "may transfer" in seat.broker.status


@only(lambda venue: venue is ALPACA)
def test_a_live_key_where_paper_is_meant_is_barred(stand: Stand) -> None:
    seat = stand.seat(fields={"api_key": f"AK{uuid.uuid4().hex[:18].upper()}"})
    assert seat.broker.connect(PATIENCE_S) is False
    assert seat.broker.barred
    assert "real money" in seat.broker.status


@only(lambda venue: venue is ALPACA)
def test_a_blocked_account_is_barred(stand: Stand) -> None:
    seat = stand.seat(fields={"trading_blocked": True})
    assert seat.broker.connect(PATIENCE_S) is False
    assert seat.broker.barred
    assert "blocked" in seat.broker.status
