"""From a record to a line: text for people, one JSON object for programs, and no secret in either."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import EventDict

from bot.settings.redaction import Redactor

#: What every record has; anything else came as ``extra``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Names of fields that are the line's own.
_OWN = ("timestamp", "level", "logger", "event", "exception", "stack")
#: The same text once more, with colours in it, as uvicorn passes it.
_USELESS = frozenset({"color_message"})


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Makes the line; masking is the last pass over it, tracebacks and extra fields included.

    Args:
        redactor: masks secrets.
        json_lines: one JSON object a line instead of text.
        colors: for a terminal.
    """

    def __init__(self, redactor: Redactor, json_lines: bool, colors: bool = False) -> None:
        # Plain tracebacks: pretty ones show local variables and break lines, and half a secret cannot be found.
        rendering: list[structlog.types.Processor] = (
            [structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer(ensure_ascii=False)]
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
                _name_stack,
                *([structlog.stdlib.add_logger_name, _add_extra, _add_exact_time] if json_lines else [_add_time]),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
        self._redactor = redactor
        self._json_lines = json_lines

    def format(self, record: logging.LogRecord) -> str:
        """The whole line, masked.

        Raises:
            Exception: whatever the record's own objects raise when they are made into text.
        """
        line = super().format(record)
        masked = self._redactor.redact(line)
        if masked != line and self._json_lines and not _is_json(masked):
            # What was masked stood there without quotes: a number, null.
            return self._json(record, "a line whose fields hold secrets", {"fields": masked})
        return masked

    def said_by_place(self, record: logging.LogRecord) -> str:
        """The line for a record that :meth:`format` failed at: where it was logged, and nothing of what."""
        text = f"a log line of {record.name} could not be written: {record.pathname}:{record.lineno}"
        return self._redactor.redact(self._json(record, text, {}) if self._json_lines else text)

    def _json(self, record: logging.LogRecord, event: str, fields: dict[str, str]) -> str:
        line = {
            "timestamp": _exact_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event,
            **fields,
        }
        return json.dumps(line, ensure_ascii=False)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _exact_time(record: logging.LogRecord) -> str:
    # When it was logged: the thread that writes may come to it later.
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add_exact_time(_: Any, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = _exact_time(event["_record"])
    return event


def _add_time(_: Any, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = f"{datetime.fromtimestamp(event['_record'].created, UTC):%Y-%m-%d %H:%M:%S}"
    return event


def _name_stack(_: Any, __: str, event: EventDict) -> EventDict:
    # As it is called everywhere else, and by what renders it.
    if "stack_info" in event:
        event["stack"] = event.pop("stack_info")
    return event


def _add_extra(_: Any, __: str, event: EventDict) -> EventDict:
    for name, value in vars(event["_record"]).items():
        if name not in _STANDARD and name not in _USELESS and not name.startswith("_"):
            event[f"{name}_" if name in _OWN else name] = value
    return event


def _in_order(_: Any, __: str, event: EventDict) -> EventDict:
    # JSON has names of text only; an extra field may be a dict of anything.
    ordered = {name: event[name] for name in _OWN if name in event}
    return ordered | {name: _plain(value) for name, value in event.items() if name not in ordered}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
