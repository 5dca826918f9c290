"""Reads whole rows of one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Self, TypeVar

from sqlalchemy import ColumnElement, Table, and_, select

from bot.ledger.database import Database

_Row = TypeVar("_Row")


class Reader:
    """Holds nothing open between two reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def beside(cls, other: Reader) -> Self:
        """Reads of the same database as another's."""
        return cls(other._database)

    def _newest(self, kind: type[_Row], table: Table, by: str, limit: int, *wanted: ColumnElement[bool]) -> list[_Row]:
        return self._all(kind, table, *wanted, order=[table.c[by].desc(), *table.primary_key.columns], limit=limit)

    def _all(
        self,
        kind: type[_Row],
        table: Table,
        *wanted: ColumnElement[bool],
        order: Iterable[Any] = (),
        limit: int | None = None,
    ) -> list[_Row]:
        columns = [table.c[column.name] for column in fields(kind)]  # type: ignore[arg-type]
        statement = select(*columns).where(and_(True, *wanted)).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [kind(*row) for row in rows]
