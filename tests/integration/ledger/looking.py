"""A look at a database past the ledger's own code."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, text


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What another program finds."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


def execute(url: str, statement: str) -> None:
    """What another program does."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def is_sound(url: str) -> bool:
    """Whether the database finds no damage in itself."""
    return not url.startswith("sqlite") or rows(url, "PRAGMA integrity_check") == [("ok",)]


def eventually(is_so: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
