"""What holds of every history: the causes add up, no coin is made up, and a full exit leaves nothing but dust."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.copying.resync import AccountReplay, replay
from bot.copying.resync.causes import ROUNDING, total
from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.money import ZERO
from bot.domain.orders import Refused, Sized
from bot.position_sizer import EntryLimits, calculate_user_exit_size, calculate_user_position_size
from tests.fakes.broker import BTC as INSTRUMENT
from tests.unit.copying.resync.rows import BTC, MASTER, PRICE, Recorded, a_user

LOT = INSTRUMENT.lot_step
#: Codes with which an entry is skipped.
REASONS = ["kill switch", "account not connected", "symbol disabled", "underfunded"]
#: What becomes of an order at the venue.
FATES = ["filled", "partly", "rejected", "unknown"]

_sizes = st.decimals(Decimal("0.0005"), Decimal("2"), places=8)
_shares = st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("0.333"), Decimal("0.01")])
_balances = st.decimals(Decimal("20"), Decimal("5000"), places=2)


class Story(Recorded):
    """A master and anna, sized by the sizer that trades live."""

    def coins_of(self) -> Decimal:
        return max(self.coins.get(BTC, ZERO), ZERO)

    def enter(self, size: Decimal, balance: Decimal, trouble: str) -> None:
        signal = self.signal(Side.BUY, size)
        if trouble in REASONS:
            self.copy(signal, state=OrderState.SKIPPED, code=trouble, balance=balance)
            return
        decision = calculate_user_position_size(
            size,
            10_000,
            balance,
            SizeType.BASE,
            price=PRICE,
            instrument=INSTRUMENT,
            limits=EntryLimits(multiplier=self.user.multiplier),
        )
        self._order(signal, decision, trouble, balance)

    def leave(self, share: Decimal, trouble: str) -> None:
        sold = self.position * share
        if not sold:
            return
        before, coins = self.position, self.coins_of()
        signal = self.signal(Side.SELL, sold)
        fate = trouble if trouble in FATES else "filled"
        decision = calculate_user_exit_size(sold, before, coins, price=PRICE, instrument=INSTRUMENT)
        self._order(signal, decision, fate, Decimal(1_000))

    def _order(self, signal: Any, decision: Sized | Refused, fate: str, balance: Decimal) -> None:
        if isinstance(decision, Refused):
            self.copy(signal, state=OrderState.SKIPPED, code=decision.code, balance=balance)
            return
        quantity = decision.quantity
        fields: dict[str, Any] = {"note": decision.note, "balance": balance}
        if fate == "partly":
            executed = INSTRUMENT.floor_size(quantity / 2)
            fields |= {"state": OrderState.PARTIALLY_FILLED, "executed": executed}
        elif fate in ("rejected", "unknown"):
            fields["state"] = OrderState.REJECTED if fate == "rejected" else OrderState.UNKNOWN
        self.copy(signal, quantity, **fields)

    def sell_by_hand(self, share: Decimal) -> None:
        gone = INSTRUMENT.floor_size(self.coins_of() * share)
        if gone:
            self.lose(gone)

    def play(self, event: tuple[Any, ...]) -> None:
        """Carry out one event that :data:`events` made."""
        kind, *values = event
        {"enter": self.enter, "leave": self.leave, "hand": self.sell_by_hand}[kind](*values)


_troubles = st.sampled_from(["filled"] * 4 + FATES + REASONS)
events = st.one_of(
    st.tuples(st.just("enter"), _sizes, _balances, _troubles),
    st.tuples(st.just("leave"), _shares, st.sampled_from(["filled"] * 3 + FATES)),
    st.tuples(st.just("hand"), _shares),
)
well = st.one_of(
    st.tuples(st.just("enter"), st.decimals(Decimal("0.001"), Decimal("0.02"), places=8), _balances, st.just("filled")),
    st.tuples(st.just("leave"), st.just(Decimal("0.5")), st.just("filled")),
)
multipliers = st.sampled_from(["0.5", "1", "1.5"])


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=25), multipliers)
def test_the_causes_add_up_to_the_last_digit(history: list[tuple[Any, ...]], multiplier: str) -> None:
    story = Story(a_user(multiplier=Decimal(multiplier)))
    for event in history:
        story.play(event)
        for standing in story.standings().values():
            assert total(amount for _, amount in standing.causes) == standing.difference
            assert standing.should >= 0
            assert standing.has >= 0


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=25))
def test_rounding_is_no_more_than_rounding(history: list[tuple[Any, ...]]) -> None:
    story = Story()
    for event in history:
        story.play(event)
    for standing in story.standings().values():
        rounding = dict(standing.causes).get(ROUNDING, ZERO)
        # Of each order at most a lot, and what is too small to be told from it.
        assert abs(rounding) <= len(story.signals) * (LOT + 1 / PRICE)


@settings(max_examples=100, deadline=None)
@given(st.lists(well, max_size=25))
def test_where_all_goes_well_nothing_drifts(history: list[tuple[Any, ...]]) -> None:
    story = Story()
    for event in history:
        story.play(event)
    for standing in story.standings().values():
        names = dict(standing.drift).keys()
        assert names <= {"below minimum"}
        least = INSTRUMENT.minimum_size + INSTRUMENT.minimum_cost / PRICE + 1 / PRICE
        assert abs(standing.correctable) <= len(story.signals) * least


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=20))
def test_a_full_exit_leaves_no_drift_but_dust(history: list[tuple[Any, ...]]) -> None:
    story = Story()
    for event in history:
        if "unknown" not in event:
            story.play(event)
    # Where the master had sold everything before, and anna could not, nothing would be sold now.
    story.enter(Decimal("0.01"), Decimal(1_000), "filled")
    story.leave(Decimal(1), "filled")
    dust = max(INSTRUMENT.minimum_size, INSTRUMENT.minimum_cost / PRICE)
    for standing in story.standings().values():
        assert standing.should == 0
        assert standing.has <= dust
        assert abs(standing.correctable) <= dust


@settings(max_examples=100, deadline=None)
@given(st.lists(events, min_size=1, max_size=20), st.integers(0, 20))
def test_going_on_from_any_moment_comes_to_the_same(history: list[tuple[Any, ...]], cut: int) -> None:
    story = Story()
    for event in history[:cut]:
        story.play(event)
    begin = AccountReplay.of(story.user, MASTER)
    (first,) = replay([begin], story.history(), settled_before=story.now)
    for event in history[cut:]:
        story.play(event)
    (further,) = replay([first.settled], story.history(after=first.settled.number))
    (anew,) = replay([begin], story.history())
    coins = story.history().coins
    assert further.now.standings(coins) == anew.now.standings(coins)


@settings(max_examples=200, deadline=None)
@given(st.lists(events, min_size=1, max_size=15))
def test_a_correction_ends_the_drift_but_for_what_is_too_small(history: list[tuple[Any, ...]]) -> None:
    story = Story()
    for event in history:
        if "unknown" not in event:
            story.play(event)
    for standing in story.standings().values():
        wanted = standing.correctable
        side, quantity = (Side.BUY if wanted > 0 else Side.SELL), INSTRUMENT.floor_size(abs(wanted))
        if side is Side.SELL:
            quantity = min(quantity, story.coins_of())
        if quantity < INSTRUMENT.minimum_size:
            continue
        story.correct(side, quantity)
        for after in story.standings().values():
            assert abs(after.correctable) <= max(abs(wanted) - quantity, ZERO)
            assert total(amount for _, amount in after.causes) == after.difference
