"""Where the log goes."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from bot.reporting.log.file import RotatingFile
from bot.reporting.log.formatting import LineFormatter
from bot.reporting.log.writers import FileWriter, Outlet, StreamWriter, own_record
from bot.settings.redaction import Redactor

_log = logging.getLogger("nija")

_NOISY = ("urllib3", "requests", "filelock", "alembic")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that the log is also written to.

    Attributes:
        path: of the file; its folder is made where it is missing. Mode 0600.
        megabytes: size at which it is put aside as ``path.1`` and a new one begun.
        kept: how many that were put aside stay.
    """

    path: Path
    megabytes: int = 20
    kept: int = 10


class LogSetup:
    """A configured root logger; :meth:`close` writes what waits and takes the handlers away.

    Attributes:
        redactor: masks secrets in the log's lines, and in whatever else leaves the program.
    """

    def __init__(self, outlets: Sequence[Outlet], redactor: Redactor) -> None:
        self._outlets = outlets
        self.redactor = redactor
        self._hooks = sys.excepthook, threading.excepthook
        # Python's own would write them past the mask.
        sys.excepthook, threading.excepthook = _log_last_error, _log_last_error_of_thread

    def close(self) -> None:
        """Write everything that waits."""
        if sys.excepthook is _log_last_error:
            sys.excepthook, threading.excepthook = self._hooks
        root = logging.getLogger()
        # The last one first: what the file has to tell goes to the terminal.
        for outlet in reversed(self._outlets):
            if outlet.handler in root.handlers:
                root.removeHandler(outlet.handler)
                outlet.close()
        atexit.unregister(self.close)


def _log_last_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    _log.critical("❌ the program ends by an error that nobody expected", exc_info=(kind, error, traceback))


def _log_last_error_of_thread(said: threading.ExceptHookArgs) -> None:
    if said.exc_value is not None and not issubclass(said.exc_type, SystemExit):
        name = said.thread.name if said.thread else "a thread"
        _log.error("%s died", name, exc_info=(said.exc_type, said.exc_value, said.exc_traceback))


def configure_logging(
    redactor: Redactor,
    level: str = "INFO",
    json_lines: bool = False,
    stream: IO[str] | None = None,
    *,
    file: LogFile | None = None,
) -> LogSetup:
    """Send all logging to ``stream`` (standard error) and to a file, through queues: no trade waits for either.

    A file that cannot be written is told of once on the stream, and tried again with every line.

    Args:
        redactor: masks secrets in every line.
        level: the least that is written.
        json_lines: one JSON object a line instead of text, on the stream and in the file.
    """
    target = stream or sys.stderr
    terminal = Outlet(StreamWriter(LineFormatter(redactor, json_lines, colors=target.isatty()), target))
    outlets = [terminal]
    if file is not None:
        rotating = RotatingFile(file.path, file.megabytes * _MEGABYTE, file.kept)
        lines = LineFormatter(redactor, json_lines)
        outlets.append(
            Outlet(FileWriter(lines, rotating, str(file.path), lambda text: terminal.tell(own_record(text))))
        )
    root = logging.getLogger()
    root.setLevel(level)
    for outlet in outlets:
        root.addHandler(outlet.handler)
    for name in _NOISY:
        # At debug level they would write whole URLs and headers.
        logging.getLogger(name).setLevel(logging.WARNING)
    setup = LogSetup(outlets, redactor)
    atexit.register(setup.close)
    return setup
