"""Logging: formatted and written in a thread of its own, with secrets masked."""

from __future__ import annotations

import atexit
import contextlib
import logging
import logging.handlers
import queue
import sys
from typing import IO

import structlog

from bot.settings.redaction import Redactor

_NOISY = ("urllib3", "requests", "filelock", "alembic")


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last pass over a line, tracebacks included."""

    def __init__(self, redactor: Redactor, json_lines: bool, colors: bool) -> None:
        # Plain tracebacks: pretty ones show local variables and break lines, and half a secret cannot be found.
        rendering: list[structlog.types.Processor] = (
            [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
            if json_lines
            else [
                structlog.dev.ConsoleRenderer(
                    colors=colors,
                    pad_event_to=0,
                    pad_level=True,
                    exception_formatter=structlog.dev.plain_traceback,
                )
            ]
        )
        super().__init__(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(super().format(record))


class _Writer(logging.StreamHandler[IO[str]]):
    """Writes lines; one that cannot be made is named by its place alone."""

    def handleError(self, record: logging.LogRecord) -> None:
        # The library's own answer prints the record's arguments past the mask.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name} could not be written: {record.pathname}:{record.lineno}\n")
            self.flush()


class LogSetup:
    """A configured root logger; :meth:`close` writes what waits and takes the handler away."""

    def __init__(self, handler: logging.Handler, listener: logging.handlers.QueueListener) -> None:
        self._handler, self._listener = handler, listener

    def close(self) -> None:
        """Write everything that waits."""
        if self._handler in logging.getLogger().handlers:
            logging.getLogger().removeHandler(self._handler)
            self._listener.stop()
        atexit.unregister(self.close)


def configure_logging(
    redactor: Redactor, level: str = "INFO", json_lines: bool = False, stream: IO[str] | None = None
) -> LogSetup:
    """Send all logging to ``stream`` (standard error) through a queue, so that no trade waits for a terminal.

    Args:
        redactor: masks secrets in every line.
        level: the least that is written.
        json_lines: one JSON object a line instead of text.
    """
    target = stream or sys.stderr
    writer = _Writer(target)
    writer.setFormatter(_RedactingFormatter(redactor, json_lines, colors=target.isatty()))
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = _RawQueueHandler(records)
    listener = logging.handlers.QueueListener(records, writer)
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    for name in _NOISY:
        # At debug level they would write whole URLs and headers.
        logging.getLogger(name).setLevel(logging.WARNING)
    listener.start()
    setup = LogSetup(handler, listener)
    atexit.register(setup.close)
    return setup


class _RawQueueHandler(logging.handlers.QueueHandler):
    """Hands the record over as it is: formatting belongs to the writing thread."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record
