"""What playing has found, made small: each is played as it was found, to its rest."""

from __future__ import annotations

from decimal import Decimal

from tests.state_machine.events import Buy, Event, FailReads, Kill, Sell, TrailBalances, Wait
from tests.state_machine.fates import GOOD, Death, Fate, Way
from tests.state_machine.machine import CopyTrading

#: An event, what becomes of the users' orders, and when the process dies.
Step = tuple[Event, list[Fate], Death | None]


def quietly(event: Event) -> Step:
    return event, [], None


def play(names: list[str], *steps: Step) -> None:
    """Teardown plays to the rest, and checks it."""
    machine = CopyTrading()
    try:
        machine.begin(names=names, traded=["BTC-USD", "SOL-USD", "DOGE-USD"], without=set())
        for event, coming, death in steps:
            machine.happens(event, coming, death)
            machine.nothing_is_wrong()
    finally:
        machine.teardown()


def test_a_fill_of_an_earlier_process_is_not_counted_twice_in_the_masters_position() -> None:
    buy = Buy("BTC-USD", 300)
    play(
        ["handy"],
        quietly(buy),
        quietly(Buy("BTC-USD", 300, Fate(shown_after_s=0.7))),
        quietly(Kill(0, 1)),
        quietly(buy),
        quietly(Sell("BTC-USD", "1")),
    )


def test_what_the_venue_cancels_of_an_exit_is_sold_by_a_further_leg() -> None:
    play(
        ["handy"],
        quietly(Buy("BTC-USD", 300)),
        (Sell("BTC-USD", "1"), [Fate(part=GOOD.part / 2)], None),
    )


def test_a_buy_in_doubt_does_not_count_in_the_masters_position() -> None:
    play(
        ["large"],
        quietly(Buy("DOGE-USD", 300)),
        quietly(Buy("DOGE-USD", 300, Fate(Way.LOST, answer_takes_s=30.0))),
        quietly(Sell("DOGE-USD", "1")),
    )


def test_an_exit_leaves_before_the_later_one_that_counts_on_a_later_buy() -> None:
    play(
        ["keeper"],
        (Buy("SOL-USD", 2_000), [], Death(at=8, kept=0, again=16)),
        quietly(Buy("SOL-USD", 2_000)),
        quietly(Sell("SOL-USD", "0.3")),
        quietly(Buy("SOL-USD", 12_000)),
        (Sell("SOL-USD", "1"), [Fate(Way.ANSWER_LOST)], None),
    )


def test_a_buy_that_is_filled_after_a_restart_gets_the_exit_that_was_planned_without_it() -> None:
    play(
        ["plain", "large"],
        (Buy("BTC-USD", 2_000), [Fate(Way.LOST), Fate(Way.LATE, done_after_s=20.0)], None),
        quietly(Wait(13.0)),
        quietly(Buy("BTC-USD", 300)),
        quietly(Sell("BTC-USD", "1")),
        (Wait(13.0), [Fate(Way.UNREACHABLE), Fate(Way.ANSWER_LOST)], Death(at=31, kept=2)),
    )


def test_a_buy_that_is_found_after_a_restart_is_not_copied_after_its_exit() -> None:
    play(
        ["handy"],
        quietly(Buy("BTC-USD", 300)),
        quietly(Buy("BTC-USD", 300, Fate(Way.ANSWER_LOST))),
        quietly(Kill(0, None)),
        quietly(FailReads(0, 1.0, Way.ANSWER_LOST)),
        quietly(Sell("BTC-USD", "1")),
    )


def test_fills_that_become_known_out_of_order_leave_the_right_position() -> None:
    play(
        ["keeper"],
        quietly(Buy("BTC-USD", 2_000, Fate(shown_after_s=8.0))),
        quietly(Sell("BTC-USD", "1")),
        quietly(Buy("BTC-USD", 2_000)),
        quietly(Sell("BTC-USD", "1")),
    )


def test_a_master_that_sells_right_after_a_restart_is_sized_with_balances_that_show_its_last_sale() -> None:
    play(
        ["handy", "keeper"],
        quietly(TrailBalances(-1, 8.0)),
        quietly(Buy("BTC-USD", 2_000)),
        quietly(Wait(13.0)),
        quietly(Sell("BTC-USD", "0.5")),
        quietly(Kill(1, None)),
        quietly(Sell("BTC-USD", "1")),
    )


def test_what_was_bought_by_an_order_of_an_earlier_process_is_no_longer_money_to_size_with() -> None:
    play(
        ["plain", "handy", "keeper"],
        (Buy("SOL-USD", 2_000), [], Death(at=14, kept=0)),
        quietly(Buy("BTC-USD", 12_000)),
        quietly(Sell("SOL-USD", "0.05")),
        quietly(Buy("SOL-USD", 300)),
        quietly(Wait(13.0)),
        (Wait(200.0), [GOOD, GOOD, Fate(Way.LATE, lands_after_s=4.9)], Death(at=18, kept=2)),
        quietly(Wait(13.0)),
        quietly(Sell("BTC-USD", "0.5")),
        quietly(Buy("SOL-USD", 2_000)),
    )


def test_while_a_lane_is_held_up_what_an_earlier_process_spent_is_not_sized_with() -> None:
    slow = Fate(answer_takes_s=30.0)
    play(
        ["plain", "handy", "keeper", "large"],
        (Buy("BTC-USD", 300), [], Death(at=14, kept=0)),
        quietly(Buy("BTC-USD", 12_000)),
        quietly(Sell("BTC-USD", "1")),
        quietly(Buy("BTC-USD", 300)),
        quietly(Wait(13.0)),
        (Wait(200.0), [GOOD, GOOD, Fate(Way.LATE, lands_after_s=4.9)], Death(at=18, kept=0)),
        quietly(Buy("BTC-USD", 300)),
        quietly(Buy("SOL-USD", 12_000, slow)),
        (Buy("SOL-USD", 2_000, Fate(answer_takes_s=10.0)), [GOOD, slow, Fate(Way.LATE), slow], None),
        quietly(Buy("DOGE-USD", 2_000)),
    )


def test_an_entry_that_nobody_took_does_not_hide_the_rest_of_the_exit_before_it() -> None:
    play(
        ["large", "plain"],
        quietly(Buy("BTC-USD", 2_000)),
        quietly(Buy("BTC-USD", 12_000, Fate(Way.ANSWER_LOST))),
        (
            Sell("BTC-USD", "1"),
            [
                Fate(shown_after_s=8.0, done_after_s=1.0, part=Decimal("0.97")),
                Fate(Way.ANSWER_LOST, shown_after_s=2.0),
            ],
            None,
        ),
        (Wait(200.0), [], Death(at=22, kept=2)),
    )


def test_the_rest_of_an_exit_is_not_in_the_plan_of_one_that_came_before_it_was_known() -> None:
    slow = Fate(Way.RATE_LIMITED, answer_takes_s=30.0)
    play(
        ["large"],
        quietly(Buy("BTC-USD", 12_000)),
        (Sell("BTC-USD", "0.3"), [Fate(shown_after_s=2.0, part=Decimal("0.1"))], None),
        quietly(Sell("BTC-USD", "1")),
        quietly(Buy("BTC-USD", 12_000, slow)),
        quietly(Sell("BTC-USD", "1")),
        quietly(Kill(1, 20)),
    )
