"""What can happen in the world, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from bot.domain.money import ONE, ZERO
from tests.state_machine.fates import GOOD, SETTLE_S, Death, Fate, Way
from tests.state_machine.venue import SYMBOLS


@dataclass(frozen=True, slots=True)
class Buy:
    """The master buys for so many dollars."""

    symbol: str
    dollars: int
    own: Fate = GOOD


@dataclass(frozen=True, slots=True)
class Sell:
    """The master sells this part of what it holds."""

    symbol: str
    part: str
    own: Fate = GOOD


@dataclass(frozen=True, slots=True)
class Wait:
    """So many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """The process is killed and started again."""

    kept: int
    again: int | None


@dataclass(frozen=True, slots=True)
class SetWallClock:
    """Somebody sets the machine's clock, forward or back by so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class MovePrice:
    """By a factor."""

    symbol: str
    factor: str


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Somebody turns it."""

    on: bool


@dataclass(frozen=True, slots=True)
class FailReads:
    """Look-ups of an account (-1: the master) fail for so many seconds."""

    who: int
    seconds: float
    way: Way


@dataclass(frozen=True, slots=True)
class TrailBalances:
    """The balances that an account (-1: the master) is shown are so many seconds old from now on."""

    who: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SellByHand:
    """The handy user sells this part of all that it has of a coin."""

    symbol: str
    part: str


@dataclass(frozen=True, slots=True)
class PayIn:
    """The handy user pays in."""

    code: str
    amount: str


Event = (
    Buy | Sell | Wait | Kill | SetWallClock | MovePrice | KillSwitch | FailReads | TrailBalances | SellByHand | PayIn
)

#: Kinds of events that a whole run may do without, so that what the others lead to shows.
DISTURBANCES = (Kill, SetWallClock, MovePrice, KillSwitch, FailReads, TrailBalances, SellByHand, PayIn)


def _weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of them, each as often as its number says; ``one_of`` takes no notice of repetitions."""
    cards = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(cards) - 1).flatmap(cards.__getitem__)


_WAYS = [
    *[Way.ANSWERED] * 4,
    *[Way.ANSWER_LOST] * 2,
    *[Way.LATE] * 2,
    Way.LOST,
    Way.UNREACHABLE,
    Way.RATE_LIMITED,
    Way.REFUSED,
]

fates = st.builds(
    Fate,
    way=st.sampled_from(_WAYS),
    lands_after_s=st.sampled_from([0.0, 0.2, 0.6, 3.0, 4.9, 6.0]),
    answer_takes_s=st.sampled_from([0.0, 0.0, 0.0, 0.3, 10.0, 30.0]),
    shown_after_s=st.sampled_from([0.0, 0.0, 0.7, 2.0, SETTLE_S]),
    done_after_s=st.sampled_from([0.0, 0.0, 0.0, 1.0, 20.0]),
    part=st.sampled_from([ONE, ONE, ONE, ONE, Decimal("0.5"), Decimal("0.97"), Decimal("0.1")]),
    slip=st.sampled_from([ZERO, Decimal("0.001"), Decimal("-0.001"), Decimal("0.005")]),
    fee_in_coin=st.booleans(),
    trades=st.integers(1, 2),
)

_starts = st.one_of(st.none(), st.integers(1, 20))

#: Mostly none: what comes after a restart is to be seen as well.
deaths: st.SearchStrategy[Death | None] = _weighted(
    (7, st.none()), (1, st.builds(Death, at=st.integers(1, 40), kept=st.integers(0, 4), again=_starts))
)

_symbols = st.sampled_from(SYMBOLS)
#: The master's orders mostly go well, so that there is something to copy.
_own = _weighted((2, st.just(GOOD)), (1, fates))
_ways_to_fail = st.sampled_from([Way.ANSWER_LOST, Way.UNREACHABLE, Way.RATE_LIMITED])

events: st.SearchStrategy[Event] = _weighted(
    (9, st.builds(Wait, st.sampled_from([0.1, 0.6, 1.0, 3.0, 5.0, 13.0, 20.0, 61.0, 200.0]))),
    (9, st.builds(Buy, _symbols, st.sampled_from([300, 2_000, 12_000]), _own)),
    (9, st.builds(Sell, _symbols, st.sampled_from(["1", "1", "0.5", "0.3", "0.05"]), _own)),
    (1, st.builds(Kill, st.integers(0, 4), _starts)),
    (1, st.builds(SetWallClock, st.sampled_from([-3600, -70, -5, -1, 1, 5, 70, 3600]))),
    (1, st.builds(MovePrice, _symbols, st.sampled_from(["0.9", "0.99", "1.01", "1.1"]))),
    (2, st.builds(KillSwitch, st.sampled_from([False, False, True]))),
    (1, st.builds(FailReads, st.integers(-1, 3), st.sampled_from([1.0, 10.0, 40.0]), _ways_to_fail)),
    (1, st.builds(TrailBalances, st.integers(-1, 3), st.sampled_from([0.0, 1.5, 4.0, SETTLE_S]))),
    (1, st.builds(SellByHand, _symbols, st.sampled_from(["0.1", "0.5", "1"]))),
    (1, st.builds(PayIn, st.sampled_from(["USD", "BTC", "SOL"]), st.sampled_from(["0.001", "1", "500"]))),
)
