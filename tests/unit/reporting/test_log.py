"""What is written to the log: whole, in order, and without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading

import pytest

from bot.reporting.log import configure_logging
from bot.settings.redaction import Redactor
from tests.unit.reporting.log_parts import SECRET, Stuck, logging_to, until

log = logging.getLogger("nija.test")


def fail_with_a_secret() -> None:
    """The secret is in a local variable, in a cause, in a context and in the error itself."""
    secret = SECRET
    try:
        try:
            raise KeyError(f"no account of {secret}")
        except KeyError as error:
            raise ConnectionError(f"https://api.example/0?key={secret}") from error
    except ConnectionError:
        raise ValueError({"API-Sign": "c2lnbmF0dXJl/w==", "key": secret})  # noqa: B904


@pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
def test_tracebacks_and_chains_of_errors_are_written_whole_and_without_the_secret(json_lines: bool) -> None:
    stream = io.StringIO()
    with logging_to(stream, json_lines):
        try:
            fail_with_a_secret()
        except ValueError:
            log.exception("the order of %s failed", SECRET)
    text = stream.getvalue()
    for word in ("the order of", "Traceback", "KeyError", "ConnectionError", "ValueError", "fail_with_a_secret"):
        assert word in text
    for start in range(len(SECRET) - 12):
        assert SECRET[start : start + 12] not in text, "a part of the secret is there"
    assert "c2lnbmF0dXJl" not in text


@pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
def test_messages_arguments_and_stacks_are_written_without_the_secret(json_lines: bool) -> None:
    stream = io.StringIO()
    with logging_to(stream, json_lines):
        log.info(f"plain {SECRET}")
        log.info("argument %s and %r", SECRET, {"key": SECRET})
        log.info('body {"API-Sign": "c2lnbmF0dXJl/w=="}')
        log.info("headers %s", {"Authorization": "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"})
        log.warning("stack", stack_info=True)
    text = stream.getvalue()
    assert SECRET[:20] not in text
    assert "c2lnbmF0dXJl" not in text
    for word in ("plain", "argument", "body", "headers", "stack"):
        assert word in text


def test_a_log_call_that_is_wrong_neither_raises_nor_lets_the_secret_out(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with logging_to(stream):
        log.info("%d orders of %s", SECRET, SECRET)
        log.info("the line after it")
    captured = capfd.readouterr()
    assert "the line after it" in stream.getvalue()
    assert "test_log.py" in stream.getvalue() + captured.err
    for text in (stream.getvalue(), captured.out, captured.err):
        assert SECRET[:20] not in text


def test_a_line_in_json_is_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with logging_to(stream, json_lines=True):
        log.warning("two\nlines 📡 %s", "BTC-USD")
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record["event"] == "two\nlines 📡 BTC-USD"
    assert record["level"] == "warning"
    assert record["timestamp"]


def test_lines_of_many_threads_are_all_there_and_whole_when_the_log_is_closed() -> None:
    stream = io.StringIO()

    def write(number: int) -> None:
        for line in range(50):
            log.info("thread %d line %d end", number, line)

    with logging_to(stream):
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 400
    assert all(line.endswith("end") for line in lines)
    for number in range(8):
        own = [line for line in lines if f"thread {number} line" in line]
        assert [int(line.split()[-2]) for line in own] == list(range(50))


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    with logging_to(stream, level="WARNING"):
        log.info("small")
        log.warning("large")
    assert "small" not in stream.getvalue()
    assert "large" in stream.getvalue()


@pytest.mark.parametrize("name", ["urllib3", "urllib3.connectionpool", "requests"])
def test_libraries_that_would_write_urls_and_headers_are_kept_quiet(name: str) -> None:
    stream = io.StringIO()
    with logging_to(stream):
        logging.getLogger(name).debug("POST /0/private/AddOrder?x=1")
    assert "AddOrder" not in stream.getvalue()


def test_closing_twice_is_closing_once_and_nothing_is_written_afterwards() -> None:
    stream = io.StringIO()
    before = logging.getLogger().level
    setup = configure_logging(Redactor(), "INFO", stream=stream)
    log.info("before")
    setup.close()
    setup.close()
    log.warning("after")
    logging.getLogger().setLevel(before)
    assert "before" in stream.getvalue()
    assert "after" not in stream.getvalue()


def test_a_stream_that_broke_stops_nobody() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        stream.close()
        log.info("into the void")


class Unspeakable:
    """Cannot be made into text, in one way or another."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __str__(self) -> str:
        raise self._error(SECRET)

    __repr__ = __str__


class Endless:
    """Making it into text never ends by itself."""

    def __str__(self) -> str:
        return f"{self}"


@pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(
    "thing", [Unspeakable(ValueError), Unspeakable(MemoryError), Endless()], ids=["error", "memory", "endless"]
)
def test_what_cannot_be_made_into_text_is_named_by_its_place_and_stops_no_later_line(
    thing: object, json_lines: bool
) -> None:
    stream = io.StringIO()
    with logging_to(stream, json_lines):
        log.info("this is %s", thing)
        log.info("the line after it")
    first, second = stream.getvalue().splitlines()
    assert "test_log.py" in first
    assert SECRET[:20] not in first
    assert "the line after it" in second
    if json_lines:
        assert json.loads(first)["logger"] == "nija.test"


def test_a_line_has_the_time_at_which_it_was_logged() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        record = log.makeRecord(log.name, logging.INFO, __file__, 1, "long ago", (), None)
        record.created = 1_790_000_000.5
        log.handle(record)
    assert stream.getvalue().startswith("2026-09-21 14:13:20 [info     ] long ago")


def test_a_terminal_gets_colours_and_a_pipe_plain_lines() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with logging_to(stream):
            log.info("🟢 COPY TRADE SUCCESS")
    assert "\x1b[" in terminal.getvalue()
    assert "🟢 COPY TRADE SUCCESS" in terminal.getvalue()
    assert "\x1b[" not in pipe.getvalue()


def test_a_terminal_that_knows_no_emoji_gets_the_line_all_the_same() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with logging_to(stream):  # type: ignore[arg-type]
        log.info("🟢 COPY TRADE SUCCESS")
    assert b"COPY TRADE SUCCESS" in raw.getvalue()


def test_a_terminal_that_stands_still_slows_nobody_and_what_is_too_much_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.reporting.log.writers._MOST_WAITING", 1000)
    stream = Stuck()
    with logging_to(stream):
        for number in range(3000):
            log.info("line %d", number)
        stream.go_on.set()
        assert until(lambda: "line 999" in stream.getvalue())
        log.info("afterwards")
    text = stream.getvalue()
    # Once more where the writer took one up in between.
    dropped = sum(map(int, re.findall(r"(\d+) lines of the log were dropped", text)))
    assert dropped + text.count("] line ") == 3000
    assert dropped > 1900
    assert "afterwards" in text


@pytest.mark.parametrize("of_thread", [False, True], ids=["main", "thread"])
def test_an_error_that_nobody_caught_is_masked_too(capfd: pytest.CaptureFixture[str], of_thread: bool) -> None:
    stream = io.StringIO()
    before = sys.excepthook, threading.excepthook
    with logging_to(stream):
        # pytest has a hook of its own for threads, which is not there in the bot.
        error = RuntimeError({"API-Sign": "c2lnbmF0dXJl/w==", "key": SECRET})
        if of_thread:
            threading.excepthook(threading.ExceptHookArgs((RuntimeError, error, None, threading.current_thread())))
        else:
            sys.excepthook(RuntimeError, error, None)
    said = capfd.readouterr()
    assert (sys.excepthook, threading.excepthook) == before
    assert "RuntimeError" in stream.getvalue()
    assert SECRET not in stream.getvalue() + said.out + said.err
