"""What the tests of the log share."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.reporting.log import LogFile, configure_logging
from bot.settings.redaction import Redactor

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
NUMBER = "824690117355"


class Stuck(io.StringIO):
    """A terminal that stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.go_on.wait(30)
        return super().write(text)


@contextmanager
def logging_to(
    stream: io.StringIO, json_lines: bool = False, level: str = "DEBUG", file: LogFile | None = None
) -> Iterator[None]:
    """Log to these alone, with both secrets known; afterwards everything is written."""
    root = logging.getLogger()
    before, others = root.level, root.handlers[:]
    root.handlers.clear()
    redactor = Redactor()
    redactor.register(SECRET)
    redactor.register(NUMBER)
    setup = configure_logging(redactor, level, json_lines, stream, file=file)
    try:
        yield
    finally:
        setup.close()
        root.setLevel(before)
        root.handlers.extend(others)


def until(what: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def assert_no_secret(text: str) -> None:
    """No 12 signs in a row of either secret."""
    for secret in (SECRET, NUMBER):
        for start in range(len(secret) - 11):
            assert secret[start : start + 12] not in text, "a part of a secret is there"
