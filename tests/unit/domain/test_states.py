"""The table of states, pair by pair."""

from __future__ import annotations

import itertools

import pytest

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition
from bot.domain.states import AT_THE_VENUE, MOVES, OPEN_STATES, move

S = OrderState

ALLOWED = {
    (S.PLANNED, S.SUBMITTING),
    (S.PLANNED, S.EXPIRED),
    (S.PLANNED, S.OBSERVED),
    (S.PLANNED, S.SKIPPED),
    (S.SUBMITTING, S.ACCEPTED),
    (S.SUBMITTING, S.REJECTED),
    (S.SUBMITTING, S.UNKNOWN),
    (S.SUBMITTING, S.PLANNED),
    (S.SUBMITTING, S.SKIPPED),
    (S.UNKNOWN, S.ACCEPTED),
    (S.UNKNOWN, S.FAILED),
    (S.UNKNOWN, S.SUBMITTING),
    (S.ACCEPTED, S.FILLED),
    (S.ACCEPTED, S.PARTIALLY_FILLED),
    (S.ACCEPTED, S.FAILED),
    (S.PARTIALLY_FILLED, S.FILLED),
}
FINAL = {S.FILLED, S.REJECTED, S.FAILED, S.EXPIRED, S.OBSERVED, S.SKIPPED}


@pytest.mark.parametrize(("current", "following"), list(itertools.product(S, S)), ids=str)
def test_every_pair_of_states_either_moves_or_raises(current: OrderState, following: OrderState) -> None:
    if (current, following) in ALLOWED:
        assert move(current, following) is following
    else:
        with pytest.raises(IllegalTransition, match=f"from {current} to {following}"):
            move(current, following)


def test_every_state_stands_in_the_table() -> None:
    assert set(MOVES) == set(S)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leads_out_of_a_final_state(state: OrderState) -> None:
    assert MOVES[state] == frozenset()
    assert state not in OPEN_STATES


def test_every_state_can_be_reached_and_every_open_one_can_come_to_an_end() -> None:
    assert reachable(S.PLANNED) == set(S)
    for state in OPEN_STATES:
        assert reachable(state) & FINAL


def test_what_the_venue_may_hold_never_goes_back_to_be_sent_again_without_being_asked_about() -> None:
    """Only proof of absence (UNKNOWN, then SUBMITTING with the next attempt) sends an order once more."""
    for state in AT_THE_VENUE:
        assert not reachable(state) & {S.PLANNED, S.SUBMITTING, S.UNKNOWN}


def test_an_unknown_order_is_neither_failed_at_once_nor_forgotten() -> None:
    assert S.UNKNOWN in OPEN_STATES
    assert S.UNKNOWN not in AT_THE_VENUE
    assert S.REJECTED not in MOVES[S.UNKNOWN]


def reachable(state: OrderState) -> set[OrderState]:
    seen = {state}
    todo = [state]
    while todo:
        for following in MOVES[todo.pop()] - seen:
            seen.add(following)
            todo.append(following)
    return seen
