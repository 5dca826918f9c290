"""How messages read."""

from __future__ import annotations

import pytest

from bot.domain.events import EventKind, OperatorEvent
from bot.reporting.notify.texts import message_of, title_of

AT = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC


def an_event(kind: EventKind = EventKind.COPY_FAILED, text: str = "BUY BTC-USD: 2 of 9 copies failed: a, b", **fields):
    return OperatorEvent(kind, text, fields.pop("at", AT), **fields)


def test_a_message_says_what_who_when_and_what_to_run() -> None:
    message = message_of([an_event(detail="insufficient funds")])
    assert message.title == "❌ NIJA: copy failed"
    assert message.body.splitlines() == [
        "BUY BTC-USD: 2 of 9 copies failed: a, b",
        "insufficient funds",
        "python bot.py copies",
        "14:13 UTC",
    ]


def test_a_command_that_the_event_names_itself_is_the_only_one() -> None:
    body = message_of([an_event(EventKind.DRIFT, "a:kraken: python bot.py resync --user a")]).body
    assert body.count("python bot.py") == 1


def test_what_was_held_back_is_counted_and_the_last_ones_are_quoted() -> None:
    events = [an_event(text=f"signal {number}", at=AT + 60 * number) for number in range(4)]
    lines = message_of(events, count=13, since=AT - 600).body.splitlines()
    assert lines[:2] == ["signal 3", "and 12 more signals with failed copies since 14:03 UTC:"]
    assert lines[2:5] == ["- 14:15 UTC signal 2", "- 14:14 UTC signal 1", "- 14:13 UTC signal 0"]


@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("serious", [True, False], ids=["serious", "quiet"])
def test_every_kind_has_a_title_for_the_lock_screen(kind: EventKind, serious: bool) -> None:
    title = title_of(an_event(kind, serious=serious))
    assert " NIJA: " in title
    assert len(title) <= 40


def test_that_it_is_over_needs_no_command() -> None:
    assert "python" not in message_of([an_event(EventKind.ENGINE_STOPPED, "runs again")]).body


def test_a_long_message_is_cut() -> None:
    body = message_of([an_event(text="x" * 5000)]).body
    assert len(body) == 1500
    assert body.endswith("...")
