"""The log as JSON lines: every line one object with the same fields, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import Side
from tests.unit.reporting.log_parts import NUMBER, SECRET, assert_no_secret, logging_to

log = logging.getLogger("nija.test")


class Broken:
    def __repr__(self) -> str:
        return f"Broken({SECRET})"


def logged(*args: Any, **named: Any) -> dict[str, Any]:
    stream = io.StringIO()
    with logging_to(stream, json_lines=True):
        log.warning(*args, **named)
    (line,) = stream.getvalue().splitlines()
    assert_no_secret(line)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_begins_with_the_time_in_utc_to_the_millisecond_and_the_level() -> None:
    before = datetime.now(UTC)
    record = logged("📊 COPY TRADING SUMMARY: %s", "BTC-USD")
    assert list(record) == ["timestamp", "level", "logger", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["timestamp"])
    assert abs((datetime.fromisoformat(record["timestamp"]) - before).total_seconds()) < 60
    assert record["level"] == "warning"
    assert record["logger"] == "nija.test"
    assert record["event"] == "📊 COPY TRADING SUMMARY: BTC-USD"


def test_the_time_is_that_of_the_event_and_not_of_its_writing() -> None:
    stream = io.StringIO()
    with logging_to(stream, json_lines=True):
        record = log.makeRecord(log.name, logging.INFO, __file__, 1, "long ago", (), None)
        record.created = 1_790_000_000.1234
        log.handle(record)
    assert json.loads(stream.getvalue())["timestamp"] == "2026-09-21T14:13:20.123Z"


def test_an_exception_is_one_field_with_its_causes() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ConnectionError("away") from error
    except ConnectionError:
        record = logged("the order failed", exc_info=True)
    assert record["event"] == "the order failed"
    assert "KeyError" in record["exception"]
    assert "ConnectionError: away" in record["exception"]


def test_a_stack_is_one_field() -> None:
    assert "test_a_stack_is_one_field" in logged("here", stack_info=True)["stack"]


def test_extra_fields_are_fields() -> None:
    record = logged("x", extra={"account": "daivon_frazier:kraken", "tries": 3, "share": 0.5, "size": Decimal("1E-8")})
    assert record["account"] == "daivon_frazier:kraken"
    assert record["tries"] == 3
    assert record["share"] == 0.5
    assert record["size"] == "1E-8"


def test_an_extra_field_never_stands_in_for_one_of_the_lines_own() -> None:
    record = logged("what happened", extra={"event": "mine", "level": "low", "timestamp": 0, "logger": "x"})
    assert record["event"] == "what happened"
    assert record["level"] == "warning"
    assert record["logger"] == "nija.test"
    assert record["event_"] == "mine"


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1: {(2, 3): None}}, {"a"}, b"\xff\x00", object(), Side.BUY, [Decimal(1)], "\ud800"],
    ids=["nan", "inf", "odd names", "set", "bytes", "object", "enum", "decimal in a list", "lone surrogate"],
)
def test_whatever_an_extra_field_holds_the_line_is_json(value: object) -> None:
    def no_constant(name: str) -> None:
        raise AssertionError(name)

    stream = io.StringIO()
    with logging_to(stream, json_lines=True):
        log.info("x", extra={"odd": value})
    (line,) = stream.getvalue().splitlines()
    assert "odd" in json.loads(line, parse_constant=no_constant)


def test_a_field_that_holds_itself_is_named_by_its_place() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "test_log_json.py" in logged("x", extra={"endless": endless})["event"]


SECRETS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("text", ("x",), {"key": SECRET}),
    ("inside text", ("x",), {"url": f"https://api.example/0?key={SECRET}&x=1"}),
    ("deep", ("x",), {"request": {"headers": [{"value": SECRET}]}}),
    ("name of a field", ("x",), {"request": {SECRET: 1}}),
    ("object", ("x",), {"thing": Broken()}),
    ("bytes", ("x",), {"body": SECRET.encode()}),
    ("header", ("x",), {"headers": {"Authorization": f"Bearer {SECRET}"}}),
    ("number", ("x",), {"pin": int(NUMBER)}),
    ("number among others", ("x",), {"pins": [1, int(NUMBER), 2]}),
    ("message", (f"plain {SECRET}",), {}),
    ("argument", ("%s and %r", SECRET, {"key": SECRET}), {}),
]


@pytest.mark.parametrize(("args", "extra"), [one[1:] for one in SECRETS], ids=[one[0] for one in SECRETS])
def test_no_secret_leaves_in_any_field_and_the_line_stays_json(args: tuple[Any, ...], extra: dict[str, Any]) -> None:
    record = logged(*args, extra=extra)
    assert record["level"] == "warning"
    assert "[redacted]" in json.dumps(record)


def test_a_header_without_quotes_around_its_value_leaves_a_line_that_is_json() -> None:
    record = logged("x", extra={"Authorization": 12345, "other": "kept"})
    assert "12345" not in json.dumps(record)
    assert "kept" in record["fields"]
