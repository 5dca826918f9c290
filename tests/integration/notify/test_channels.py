"""Real channels: servers that accept, refuse, hang, are slow, come back."""

from __future__ import annotations

import email
import email.policy
import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bot.domain.events import EventKind
from bot.reporting.events import EventHub
from bot.reporting.log import configure_logging
from bot.reporting.notify import Message, Notifier, make_channels
from bot.reporting.notify.sending import Patience
from bot.runtime.clock import SystemClock
from bot.settings.redaction import Redactor
from tests.integration.notify.servers import HookServer, hooks, mails

CANARY = "cAnArYt0kEn98765"
QUICK = Patience(answer=1.5, again=(0.1,), ending=0.8, between=0.0)


@pytest.fixture
def server() -> Iterator[HookServer]:
    with hooks() as found:
        yield found


def url_of(server: HookServer) -> str:
    return f"json://user:{CANARY}p@{server.address}/{CANARY}?rto=1&cto=1&-key={CANARY}q"


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


@contextmanager
def notifying(urls: str) -> Iterator[EventHub]:
    notifier = Notifier(make_channels(urls), frozenset(EventKind), SystemClock(), QUICK)
    hub = EventHub(SystemClock())
    hub.listen(notifier.listen)
    notifier.start()
    try:
        yield hub
    finally:
        asked = time.monotonic()
        notifier.stop()
        assert notifier.join(asked + 5)
        assert time.monotonic() - asked < 5


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        pytest.param("accept", "", id="accepts"),
        pytest.param("slow", "", id="is slow"),
        pytest.param("refuse", "the service answered HTTP 401", id="refuses"),
        pytest.param("hang", "the service cannot be reached", id="hangs"),
    ],
)
def test_a_channel_says_whether_a_message_went(server: HookServer, mode: str, reason: str) -> None:
    server.mode = mode
    (channel,) = make_channels(url_of(server))
    assert channel.send(Message("title", "first line\nsecond <line> & more")) == reason
    assert server.took == ([] if reason else [("title", "first line\nsecond <line> & more")])


def test_a_channel_that_nobody_listens_at_says_so() -> None:
    with hooks() as gone:
        url = url_of(gone)
    (channel,) = make_channels(url)
    assert channel.send(Message("title", "body")) == "the service cannot be reached"


def test_a_mail_arrives() -> None:
    with mails() as server:
        url = f"mailto://127.0.0.1:{server.port}?from=bot@nija.example&to=nia@nija.example&mode=insecure"
        (channel,) = make_channels(url)
        assert channel.send(Message("🛑 NIJA: engine stopped", "what\nwho", serious=True)) == ""
        parsed = email.message_from_string(server.mails[0], policy=email.policy.default)
    body = parsed.get_body(("plain", "html"))
    assert parsed["Subject"] == "🛑 NIJA: engine stopped"
    assert body is not None
    assert "what" in body.get_content()


def test_of_five_channels_each_does_what_it_does(server: HookServer) -> None:
    with hooks() as hanging, hooks() as refusing, hooks() as dripping, hooks() as gone:
        hanging.mode, refusing.mode, dripping.mode = "hang", "refuse", "drip"
        urls = " ".join(url_of(one) for one in (hanging, refusing, gone, dripping, server))
        gone.shutdown()
        gone.server_close()
        with notifying(urls) as hub:
            hub.tell(EventKind.KILL_SWITCH, "one", serious=True)
            hub.tell(EventKind.DRIFT, "two")
            until(lambda: sorted(server.titles) == ["⚖️ NIJA: out of step", "🛑 NIJA: trading stopped"])
            until(lambda: min(hanging.asked, refusing.asked, dripping.asked) >= 2)


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_a_channel_that_comes_back_gets_what_it_missed(server: HookServer, mode: str) -> None:
    server.mode = mode
    with notifying(url_of(server)) as hub:
        hub.tell(EventKind.DRIFT, "while it was away")
        until(lambda: server.asked >= 2)
        server.mode = "accept"
        until(lambda: server.titles == ["⚖️ NIJA: out of step"])


def test_the_last_word_gets_out(server: HookServer) -> None:
    with notifying(url_of(server)) as hub:
        hub.tell(EventKind.STOPPED, "the bot ends")
    assert server.titles == ["⏹️ NIJA: stopped"]


def test_telling_is_instant_while_the_channel_hangs(server: HookServer) -> None:
    server.mode = "hang"
    with notifying(url_of(server)) as hub:
        took = []
        for _ in range(500):
            begun = time.perf_counter()
            hub.tell(EventKind.DRIFT, "x")
            took.append(time.perf_counter() - begun)
            time.sleep(0.001)
        until(lambda: server.asked >= 1)
    took.sort()
    # The worst ones may have waited for the processor, which is nobody's fault; the channel hangs for seconds.
    assert took[int(len(took) * 0.95)] < 0.1


@pytest.mark.parametrize("mode", ["accept", "refuse", "hang", "gone"])
def test_no_log_line_has_anything_of_a_url(mode: str) -> None:
    written = io.StringIO()
    # Nothing is registered: the lines themselves have to be clean, at the level that says most.
    setup = configure_logging(Redactor(), "DEBUG", stream=written)
    try:
        with hooks() as server:
            server.mode = mode
            urls = f"{url_of(server)} bad://{CANARY} {CANARY}"
            if mode == "gone":
                server.shutdown()
                server.server_close()
            with notifying(urls) as hub:
                hub.tell(EventKind.DRIFT, "x")
                until(lambda: mode == "gone" or server.asked >= 1)
                time.sleep(0.3)
    finally:
        setup.close()
        logging.getLogger().setLevel(logging.WARNING)
    lines = written.getvalue()
    assert CANARY.lower() not in lines.lower()
    assert "channel 2 (bad://)" in lines
    assert ("channel 1 (json://)" in lines) == (mode != "accept")
