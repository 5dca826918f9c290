"""How often the operator is told."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.enums import BrokerType
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.reporting.notify.limits import PER_HOUR, RESERVE, SAME_KIND_S, Limiter
from bot.reporting.notify.texts import Message
from tests.fakes.clock import SettableClock

ANNA, BOB = AccountId("anna", BrokerType.KRAKEN), AccountId("bob", BrokerType.KRAKEN)
ACCOUNTS = [None, *(AccountId(f"user{number}", BrokerType.KRAKEN) for number in range(30))]


class Desk:
    """A limiter, a clock, and what came through: when (seconds), and what."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.limiter = Limiter(self.clock)
        self.told: list[tuple[float, Message]] = []
        self.events = 0

    def happen(
        self, kind: EventKind = EventKind.COPY_FAILED, account: AccountId | None = None, serious: bool = False
    ) -> list[Message]:
        """Something happens; what is told of it at once."""
        self.events += 1
        text = f"key={kind}/{account}/{serious}"
        self.limiter.take(OperatorEvent(kind, text, self.clock.time(), account, serious))
        return self.look()

    def look(self, after_s: float = 0.0) -> list[Message]:
        self.clock.advance(after_s)
        messages = self.limiter.due()
        self.told += [(self.clock.monotonic_ns() / 1e9, message) for message in messages]
        return messages

    @property
    def counted(self) -> int:
        """Events that the messages tell of."""
        return sum(count_of(message) for _, message in self.told)


def count_of(message: Message) -> int:
    more = re.search(r"^and (\d+) more", message.body, re.MULTILINE)
    return 1 + (int(more.group(1)) if more else 0)


def key_of(message: Message) -> str:
    return next(line for line in message.body.splitlines() if line.startswith("key="))


def test_the_first_is_told_at_once_and_the_next_are_counted_for_ten_minutes() -> None:
    desk = Desk()
    assert len(desk.happen()) == 1
    assert [desk.happen() for _ in range(12)] == [[]] * 12
    assert desk.look(SAME_KIND_S - 1) == []
    (message,) = desk.look(1)
    assert count_of(message) == 12
    assert desk.look(SAME_KIND_S) == []


def test_other_accounts_and_other_kinds_have_a_window_of_their_own() -> None:
    desk = Desk()
    assert [len(desk.happen(EventKind.DRIFT, one)) for one in (ANNA, BOB, None, ANNA)] == [1, 1, 1, 0]
    assert len(desk.happen(EventKind.ACCOUNT_LOST, ANNA)) == 1


def test_that_it_is_over_is_told_at_once() -> None:
    desk = Desk()
    assert len(desk.happen(EventKind.KILL_SWITCH, serious=True)) == 1
    assert len(desk.happen(EventKind.KILL_SWITCH)) == 1


def test_ordinary_messages_leave_a_reserve_for_serious_ones() -> None:
    desk = Desk()
    for account in ACCOUNTS:
        desk.happen(EventKind.DRIFT, account)
    assert len(desk.told) == PER_HOUR - RESERVE
    for account in ACCOUNTS:
        desk.happen(EventKind.UNKNOWN_OUTCOME, account, serious=True)
    assert len(desk.told) == PER_HOUR
    assert sum(message.serious for _, message in desk.told) == RESERVE


def test_what_found_no_room_is_told_later_serious_ones_first() -> None:
    desk = Desk()
    for account in ACCOUNTS[:PER_HOUR]:
        desk.happen(EventKind.UNKNOWN_OUTCOME, account, serious=True)
    desk.happen(EventKind.DRIFT, ANNA)
    desk.happen(EventKind.ENGINE_STOPPED, serious=True)
    assert len(desk.told) == PER_HOUR
    assert [message.title for message in desk.look(3600)] == ["🛑 NIJA: engine stopped", "⚖️ NIJA: out of step"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 20.0, 170.0, 599.0, 601.0, 1800.0, 3599.0]),
        st.sampled_from([EventKind.COPY_FAILED, EventKind.DRIFT, EventKind.ENGINE_STOPPED, EventKind.LOGIN]),
        st.integers(0, len(ACCOUNTS) - 1),
        st.booleans(),
        st.integers(1, 40),
        st.booleans(),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_hour_has_more_than_its_messages_and_no_event_is_lost(
    steps: list[tuple[float, EventKind, int, bool, int, bool]],
) -> None:
    desk = Desk()
    for seconds, kind, first, serious, times, of_one in steps:
        desk.look(seconds)
        for number in range(times):
            desk.happen(kind, ACCOUNTS[(first + (0 if of_one else number)) % len(ACCOUNTS)], serious)
        assert desk.counted + desk.limiter.held == desk.events
    for begin, _ in desk.told:
        window = [message for at, message in desk.told if begin <= at < begin + 3600]
        assert len(window) <= PER_HOUR
        assert sum(not message.serious for message in window) <= PER_HOUR - RESERVE
    last: dict[str, float] = {}
    for at, message in desk.told:
        assert at - last.get(key_of(message), -SAME_KIND_S) >= SAME_KIND_S
        last[key_of(message)] = at
    for _ in range(40):
        desk.look(3600)
    assert (desk.counted, desk.limiter.held) == (desk.events, 0)
