"""The thread of one channel, and the notifier over several."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bot.domain.events import EventKind, OperatorEvent
from bot.reporting.events import EventHub
from bot.reporting.notify import Message, Notifier
from bot.reporting.notify.sending import ChannelSender, Patience
from bot.runtime.clock import SystemClock
from bot.runtime.service import Service
from bot.settings.redaction import Redactor

QUICK = Patience(answer=0.3, again=(0.05,), give_up=60.0, ending=0.5, between=0.0)


class FakeChannel:
    """Takes messages as ``answers`` says, one answer a message and the last one for ever."""

    def __init__(self, *answers: Callable[[], str], targets: int = 1, name: str = "fake") -> None:
        self.label, self.usable, self.targets = f"channel 1 ({name}://)", True, targets
        self.attempts: list[str] = []
        self.sent: list[str] = []
        self._answers = list(answers) or [lambda: ""]

    def send(self, message: Message) -> str:
        self.attempts.append(message.title)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not (reason := answer()):
            self.sent.append(message.title)
        return reason


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.01)


def refuse() -> str:
    return "the service answered HTTP 401"


@pytest.fixture
def hang() -> Iterator[Callable[[], str]]:
    over = threading.Event()

    def wait() -> str:
        over.wait(60)
        return "at last"

    yield wait
    over.set()


@contextmanager
def running(service: Service) -> Iterator[None]:
    service.start()
    try:
        yield
    finally:
        service.stop()
        assert service.join(time.monotonic() + 30)


def a_message(title: str, serious: bool = False) -> Message:
    return Message(title, "", serious)


def test_messages_go_in_their_order() -> None:
    channel = FakeChannel()
    sender = ChannelSender(channel, QUICK)
    with running(sender):
        for title in "abc":
            sender.put(a_message(title))
        until(lambda: channel.sent == ["a", "b", "c"])
    assert sender.unsent == 0


def test_what_is_refused_is_tried_again_and_the_log_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    channel = FakeChannel(refuse, refuse, refuse, lambda: "")
    with running(sender := ChannelSender(channel, QUICK)):
        sender.put(a_message("a"))
        sender.put(a_message("b"))
        until(lambda: channel.sent == ["a", "b"])
    assert channel.attempts == ["a"] * 4 + ["b"]
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "channel 1 (fake://) did not take a notification: the service answered HTTP 401; it is tried again",
        "channel 1 (fake://) takes notifications again",
    ]


def test_what_hangs_is_left_and_tried_again_with_three_at_most_hanging(hang: Callable[[], str]) -> None:
    channel = FakeChannel(hang)
    with running(sender := ChannelSender(channel, QUICK)):
        sender.put(a_message("a"))
        until(lambda: len(channel.attempts) == 3)
        time.sleep(0.6)
        assert len(channel.attempts) == 3


def test_after_a_hang_the_next_attempt_gets_through(hang: Callable[[], str]) -> None:
    channel = FakeChannel(hang, lambda: "")
    with running(sender := ChannelSender(channel, QUICK)):
        sender.put(a_message("a"))
        until(lambda: channel.sent == ["a"])


def test_several_targets_are_told_twice_at_most() -> None:
    channel = FakeChannel(refuse, targets=2)
    with running(sender := ChannelSender(channel, QUICK)):
        sender.put(a_message("a"))
        sender.put(a_message("b"))
        until(lambda: channel.attempts == ["a", "a", "b", "b"])
        until(lambda: sender.unsent == 2)


def test_a_message_that_is_too_old_is_given_up() -> None:
    channel = FakeChannel(refuse)
    patience = Patience(again=(0.05,), give_up=0.2, between=0.0)
    with running(sender := ChannelSender(channel, patience)):
        sender.put(a_message("a"))
        until(lambda: channel.attempts.count("a") >= 2)
        sender.put(a_message("b"))
        until(lambda: "b" in channel.attempts)


def test_of_too_many_messages_the_oldest_that_is_not_serious_goes() -> None:
    channel = FakeChannel()
    sender = ChannelSender(channel, QUICK)
    sender.put(a_message("serious", serious=True))
    for number in range(52):
        sender.put(a_message(str(number)))
    with running(sender):
        until(lambda: len(channel.sent) == 50)
    assert channel.sent[:2] == ["serious", "3"]
    assert sender.unsent == 3


def test_the_end_sends_what_waits() -> None:
    channel = FakeChannel(refuse, lambda: "")
    sender = ChannelSender(channel, Patience(again=(30.0,)))
    sender.start()
    sender.put(a_message("a"))
    sender.put(a_message("b"))
    until(lambda: channel.attempts == ["a"])
    sender.stop()
    assert sender.join(time.monotonic() + 20)
    assert channel.sent == ["a", "b"]


def events_of(notifier: Notifier) -> EventHub:
    hub = EventHub(SystemClock())
    hub.listen(notifier.listen)
    return hub


def test_one_channel_that_hangs_or_refuses_keeps_no_other(hang: Callable[[], str]) -> None:
    deaf, hard, good = FakeChannel(hang), FakeChannel(refuse), FakeChannel()
    notifier = Notifier([deaf, hard, good], frozenset(EventKind), SystemClock(), QUICK)
    with running(notifier):
        hub = events_of(notifier)
        for kind in (EventKind.DRIFT, EventKind.KILL_SWITCH):
            hub.tell(kind, "something")
        until(lambda: len(good.sent) == 2)


def test_only_chosen_kinds_are_told() -> None:
    channel = FakeChannel()
    with running(notifier := Notifier([channel], {EventKind.DRIFT}, SystemClock(), QUICK)):
        hub = events_of(notifier)
        hub.tell(EventKind.KILL_SWITCH, "x")
        hub.tell(EventKind.DRIFT, "x")
        until(lambda: len(channel.sent) == 1)
    assert channel.sent == ["⚖️ NIJA: out of step"]


def test_the_end_comes_within_a_second_and_what_did_not_go_is_counted(
    hang: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    deaf, good = FakeChannel(hang, name="deaf"), FakeChannel(name="good")
    notifier = Notifier([deaf, good], frozenset(EventKind), SystemClock(), Patience(again=(30.0,)))
    notifier.start()
    hub = events_of(notifier)
    hub.tell(EventKind.DRIFT, "x")
    until(lambda: len(good.sent) == 1)
    hub.tell(EventKind.DRIFT, "x")
    hub.tell(EventKind.DRIFT, "x")
    hub.tell(EventKind.STOPPED, "the bot ends")
    asked = time.monotonic()
    notifier.stop()
    assert notifier.join(asked + 4.0)
    assert sorted(good.sent) == ["⏹️ NIJA: stopped", "⚖️ NIJA: out of step"]
    lines = [record.getMessage() for record in caplog.records]
    assert "channel 1 (deaf://): 2 notifications were not sent" in lines
    assert "2 events were held back and are not told any more" in lines


def test_telling_takes_no_time_while_every_channel_hangs(hang: Callable[[], str]) -> None:
    notifier = Notifier([FakeChannel(hang) for _ in range(3)], frozenset(EventKind), SystemClock(), QUICK)
    with running(notifier):
        hub = events_of(notifier)
        took = []
        for _ in range(2000):
            begun = time.perf_counter()
            hub.tell(EventKind.DRIFT, "something")
            took.append(time.perf_counter() - begun)
        took.sort()
        # The worst one may have waited for the processor, which is nobody's fault.
        assert took[int(len(took) * 0.95)] < 0.1


def test_more_events_than_there_is_room_for_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier([FakeChannel()], frozenset(EventKind), SystemClock(), QUICK)
    for _ in range(1500):
        notifier.listen(OperatorEvent(EventKind.DRIFT, "x", 0.0))
    with running(notifier):
        pass
    assert "500 events were held back and are not told any more" in [one.getMessage() for one in caplog.records]


def test_without_a_channel_that_can_be_used_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    channel = FakeChannel()
    channel.usable = False
    with running(notifier := Notifier([channel], frozenset(EventKind), SystemClock(), QUICK)):
        events_of(notifier).tell(EventKind.DRIFT, "x")
    assert channel.attempts == []
    assert [one.levelname for one in caplog.records] == ["ERROR"]


def test_secrets_are_masked_before_a_message_is_cut() -> None:
    redactor, channel = Redactor(), FakeChannel()
    redactor.register(secret := "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow==")
    bodies: list[str] = []
    send = channel.send
    channel.send = lambda message: bodies.append(message.title + message.body) or send(message)  # type: ignore[method-assign]
    notifier = Notifier([channel], frozenset(EventKind), SystemClock(), QUICK, redactor.redact)
    with running(notifier):
        said = "x" * 1470 + f" {secret}"
        events_of(notifier).tell(EventKind.ACCOUNT_LOST, f"anna: refused {secret}", detail=said)
        until(lambda: bool(channel.sent))
    assert secret[:12] not in bodies[0]
    assert "anna: refused [redacted]" in bodies[0]
