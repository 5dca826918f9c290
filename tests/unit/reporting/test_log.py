"""What is written to the log: whole, in order, and without secrets."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.reporting.log import configure_logging
from bot.settings.redaction import Redactor

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
log = logging.getLogger("nija.test")


@contextmanager
def logging_to(stream: io.StringIO, json_lines: bool = False, level: str = "DEBUG") -> Iterator[None]:
    root = logging.getLogger()
    before, others = root.level, root.handlers[:]
    root.handlers.clear()
    redactor = Redactor()
    redactor.register(SECRET)
    setup = configure_logging(redactor, level, json_lines, stream)
    try:
        yield
    finally:
        setup.close()
        root.setLevel(before)
        root.handlers.extend(others)


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
            thread.join(10)
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
