"""A fee rate that is asked for once a day and kept where it is not had."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.brokers.fee_rate import FeeRate
from bot.domain.enums import BrokerType
from bot.domain.errors import AccountBarred, InvalidAmount, VenueUnclear
from bot.domain.ids import AccountId
from tests.unit.brokers.clocks import HandClock

D = Decimal
ACCOUNT = AccountId.master(BrokerType.KRAKEN)


class Venue:
    def __init__(self) -> None:
        self.asked = 0
        self.answer: Decimal | Exception | None = D("0.004")

    def __call__(self) -> Decimal | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def rate(venue: Venue, clock: HandClock) -> FeeRate:
    return FeeRate(ACCOUNT, D("0.008"), venue, clock)


def test_a_rate_is_assumed_until_the_venue_has_told_it(rate: FeeRate) -> None:
    assert rate.value == D("0.008")
    rate.refresh()
    assert rate.value == D("0.004")


@pytest.mark.parametrize(
    "answer", [None, VenueUnclear("no answer"), InvalidAmount("unknown symbol")], ids=["none", "unclear", "unlisted"]
)
def test_what_was_known_stays_where_the_venue_does_not_tell(
    rate: FeeRate, venue: Venue, answer: Exception | None
) -> None:
    rate.refresh()
    venue.answer = answer
    rate.refresh()
    assert rate.value == D("0.004")
    assert venue.asked == 2


def test_a_refused_account_is_not_passed_over(rate: FeeRate, venue: Venue) -> None:
    venue.answer = AccountBarred("no such key")
    with pytest.raises(AccountBarred):
        rate.refresh()


def test_it_is_asked_for_once_a_day_whether_it_was_had_or_not(rate: FeeRate, venue: Venue, clock: HandClock) -> None:
    venue.answer = VenueUnclear("no answer")
    rate.refresh()
    clock.advance(86_000)
    rate.refresh_if_due()
    assert venue.asked == 1
    clock.advance(401)
    rate.refresh_if_due()
    assert venue.asked == 2
