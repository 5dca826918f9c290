"""What people ask of the running bot, as rows: written by the CLI or the page, taken once by the bot."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.domain.errors import RequestKeyTaken
from bot.ledger.tables import commands


class CommandState(StrEnum):
    """Where a command is. One that stays ``taken`` was cut off: it is never taken a second time."""

    QUEUED = "queued"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``result`` is None until it is finished; times are unix seconds.

    ``request_key`` names the request that asked for it; None where that had no name.
    """

    id: int
    kind: str
    payload: dict[str, Any]
    state: CommandState
    result: dict[str, Any] | None
    created_at: float
    taken_at: float | None
    finished_at: float | None
    request_key: str | None = None


_COLUMNS = (
    commands.c.id,
    commands.c.kind,
    commands.c.payload,
    commands.c.state,
    commands.c.result,
    commands.c.created_at,
    commands.c.taken_at,
    commands.c.finished_at,
    commands.c.request_key,
)


def add_command(connection: Connection, kind: str, payload: str, at: float, request_key: str | None = None) -> int:
    """Queue a command; returns its number, or that of the one which the same request asked for before.

    Raises:
        RequestKeyTaken: the key belongs to a command of another kind or payload.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # In one statement: another process may queue the same request at this moment. Rows without a key never meet.
    number = connection.scalar(
        insert(commands)
        .values(kind=kind, payload=payload, state=CommandState.QUEUED.value, created_at=at, request_key=request_key)
        .on_conflict_do_nothing(index_elements=[commands.c.request_key])
        .returning(commands.c.id)
    )
    if number is not None:
        return int(number)
    stands = connection.execute(
        select(commands.c.id, commands.c.kind, commands.c.payload).where(commands.c.request_key == request_key)
    ).one()
    if stands.kind != kind or _in_order(stands.payload) != _in_order(payload):
        raise RequestKeyTaken(
            f"this key belongs to command {stands.id}, which asks for something else: take a new key for a new command"
        )
    return int(stands.id)


def _in_order(payload: str) -> str:
    # As text, because to Python 1 and true are the same.
    return json.dumps(json.loads(payload), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which kinds of commands somebody takes.

    Attributes:
        only: these; None means all.
        but: none of these, nor what was asked for after one that still waits.
    """

    only: Collection[str] | None = None
    but: Collection[str] = ()


ALL_KINDS = Kinds()


def _queued(kinds: Kinds) -> ColumnElement[bool]:
    is_queued = commands.c.state == CommandState.QUEUED.value
    if kinds.only is not None:
        return and_(is_queued, commands.c.kind.in_(kinds.only))
    if not kinds.but:
        return is_queued
    earlier = commands.alias()
    overtaken = exists().where(
        earlier.c.state == CommandState.QUEUED.value, earlier.c.kind.in_(kinds.but), earlier.c.id <= commands.c.id
    )
    return and_(is_queued, ~overtaken)


def is_command_queued(connection: Connection, kinds: Kinds = ALL_KINDS) -> bool:
    """Whether something waits to be taken."""
    return connection.scalar(select(commands.c.id).where(_queued(kinds)).limit(1)) is not None


def claim_command(connection: Connection, at: float, kinds: Kinds = ALL_KINDS) -> Command | None:
    """Take the oldest queued command; of two that try, one gets it."""
    queued = _queued(kinds)
    number = connection.scalar(select(commands.c.id).where(queued).order_by(commands.c.id).limit(1))
    if number is None:
        return None
    claimed = connection.execute(
        commands.update().where(commands.c.id == number, queued).values(state=CommandState.TAKEN.value, taken_at=at)
    )
    return read_command(connection, number) if claimed.rowcount else None


def withdraw_command(connection: Connection, number: int, result: str, at: float) -> bool:
    """End a command that nobody has taken; whether nobody had, so that nobody will."""
    queued = commands.c.state == CommandState.QUEUED.value
    ended = connection.execute(
        commands.update()
        .where(commands.c.id == number, queued)
        .values(state=CommandState.FAILED.value, result=result, finished_at=at)
    )
    return bool(ended.rowcount)


def end_command(connection: Connection, number: int, result: str, at: float, *, failed: bool) -> None:
    """Write the result."""
    state = CommandState.FAILED if failed else CommandState.DONE
    connection.execute(
        commands.update().where(commands.c.id == number).values(state=state.value, result=result, finished_at=at)
    )


def read_command(connection: Connection, number: int) -> Command:
    """One command.

    Raises:
        LookupError: there is none of this number.
    """
    row = connection.execute(select(*_COLUMNS).where(commands.c.id == number)).one_or_none()
    if row is None:
        raise LookupError(f"there is no command {number}")
    result = None if row.result is None else json.loads(row.result)
    return Command(
        row.id,
        row.kind,
        json.loads(row.payload),
        CommandState(row.state),
        result,
        row.created_at,
        row.taken_at,
        row.finished_at,
        row.request_key,
    )


def as_json(values: Mapping[str, Any]) -> str:
    """The text that is stored; Decimals and ids become strings."""
    return json.dumps(dict(values), default=str, ensure_ascii=False)
