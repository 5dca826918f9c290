"""The tables. The same definitions serve SQLite and PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId
from bot.domain.money import plain, to_decimal

#: Raised by one with every change of the tables below, which needs a step in the folder ``migrations``.
SCHEMA_VERSION = 5


class DecimalText(TypeDecorator[Decimal]):
    """An exact decimal: NUMERIC where the database has one, its plain text on SQLite (whose numbers are floats)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC without a precision keeps every digit on PostgreSQL."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuses NaN and infinities (InvalidAmount)."""
        if value is None:
            return None
        number = value if type(value) is Decimal and value.is_finite() else to_decimal(value)
        return plain(number) if dialect.name == "sqlite" else number

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Decimal, whatever the driver gives."""
        return None if value is None else Decimal(value)


class AccountText(TypeDecorator[AccountId]):
    """An account in its written form, ``daivon_frazier:kraken``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: AccountId | None, dialect: Dialect) -> str | None:
        """To its written form."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> AccountId | None:
        """From its written form."""
        return None if value is None else AccountId.parse(value)


def _enum(members: type[StrEnum]) -> Enum:
    return Enum(
        members,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda closed_list: [member.value for member in closed_list],
    )


def _money(name: str) -> Column[Any]:
    return Column(name, DecimalText, nullable=False, server_default=text("'0'"))


def _words(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _leg() -> Column[Any]:
    return Column("leg", Integer, nullable=False, server_default=text("1"))


def _row_number() -> Column[Any]:
    # SQLite counts by itself only in an INTEGER primary key.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _outcome() -> list[Column[Any]]:
    """What copies and master orders have in common: all that is learned after the plan."""
    return [
        Column("state", _enum(OrderState), nullable=False),
        _words("reason"),
        Column("order_id", Text),
        _money("executed"),
        _money("average_price"),
        _money("cost"),
        _money("fee"),
        _words("fee_currency"),
        Column("answered_at", Double),
        Column("settled_at", Double),
    ]


metadata = MetaData()

signals = Table(
    "signals",
    metadata,
    Column("signal_id", Text, primary_key=True),
    Column("venue", _enum(BrokerType), nullable=False),
    Column("master", AccountText, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", _enum(Side), nullable=False),
    _money("price"),
    _money("size"),
    Column("size_type", _enum(SizeType), nullable=False),
    Column("order_id", Text, nullable=False),
    _money("master_balance"),
    Column("position_before", DecimalText),
    Column("timestamp", Double, nullable=False),
    Column("planned_at", Double, nullable=False),
    Column("observe_only", Boolean, nullable=False),
    # In the order in which they were recorded, whatever the clock did meanwhile. Not unique: a program of version 1
    # that still runs leaves it out, and shall not be stopped by that.
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Column("by_hand", Boolean, nullable=False, server_default=text("false")),
    _money("filled_before"),
    Index("ix_signals_number", "number"),
    Index("ix_signals_planned_at", "planned_at"),
    Index("ix_signals_order", "master", "order_id"),
)

copies = Table(
    "copies",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("signal_id", Text, ForeignKey("signals.signal_id"), nullable=False),
    Column("account", AccountText, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("venue", _enum(BrokerType), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", _enum(Side), nullable=False),
    _words("code"),
    _words("note"),
    Column("attempt", Integer, nullable=False),
    _money("balance"),
    _money("quantity"),
    _money("quote_value"),
    _money("price"),
    Column("deadline", Double, nullable=False),
    Column("planned_at", Double, nullable=False),
    Column("milliseconds", Double),
    *_outcome(),
    _leg(),
    UniqueConstraint("signal_id", "account", "leg", name="one_copy_of_a_signal_per_account_and_leg"),
    Index("ix_copies_planned_at", "planned_at"),
    Index("ix_copies_state", "state"),
)

master_orders = Table(
    "master_orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("account", AccountText, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", _enum(Side), nullable=False),
    _money("quantity"),
    _money("price"),
    _money("balance_before"),
    _money("position_before"),
    Column("intended_at", Double, nullable=False),
    Column("signal_id", Text, ForeignKey("signals.signal_id")),
    *_outcome(),
    Index("ix_master_orders_order", "account", "order_id"),
)

order_events = Table(
    "order_events",
    metadata,
    _row_number(),
    Column("client_order_id", Text, nullable=False),
    Column("signal_id", Text),
    Column("account", AccountText, nullable=False),
    Column("at", Double, nullable=False),
    Column("from_state", _enum(OrderState)),
    Column("to_state", _enum(OrderState)),
    _words("detail"),
    _leg(),
    # By signal first: the lines of one plan then lie together. By the random order id alone, each line of a plan would
    # touch a page of its own, and a plan of 500 would take twice as long.
    Index("ix_order_events_order", "signal_id", "client_order_id"),
)

fills = Table(
    "fills",
    metadata,
    # The id first: it is what fills are looked up by, for many accounts at once.
    Column("trade_id", Text, primary_key=True),
    Column("account", AccountText, primary_key=True),
    Column("client_order_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", _enum(Side), nullable=False),
    _money("quantity"),
    _money("price"),
    _money("cost"),
    _money("fee"),
    _words("fee_currency"),
    Column("time", Double, nullable=False),
    Index("ix_fills_client_order_id", "client_order_id"),
)

copied_coins = Table(
    "copied_coins",
    metadata,
    Column("account", AccountText, primary_key=True),
    Column("symbol", Text, primary_key=True),
    _money("quantity"),
    _money("cost"),
)

coin_adjustments = Table(
    "coin_adjustments",
    metadata,
    _row_number(),
    Column("account", AccountText, nullable=False),
    Column("symbol", Text, nullable=False),
    _money("quantity"),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_coin_adjustments_account", "account", "symbol"),
)

watches = Table(
    "watches",
    metadata,
    Column("account", AccountText, primary_key=True),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

uncopied = Table(
    "uncopied",
    metadata,
    Column("account", AccountText, primary_key=True),
    Column("order_id", Text, primary_key=True),
    _money("executed"),
    _words("reason"),
    Column("at", Double, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Double, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    _row_number(),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("result", Text),
    Column("created_at", Double, nullable=False),
    Column("taken_at", Double),
    Column("finished_at", Double),
    # What names a request that may be asked twice; empty where nobody gave it a name.
    Column("request_key", Text),
    Index("ix_commands_state", "state"),
    Index("ix_commands_request_key", "request_key", unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", AccountText, primary_key=True),
    Column("connected", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("balance", DecimalText),
    Column("equity", DecimalText),
    Column("checked_at", Double, nullable=False),
)

balance_history = Table(
    "balance_history",
    metadata,
    Column("account", AccountText, primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("balance", DecimalText),
    Column("equity", DecimalText),
    Column("at", Double, nullable=False),
    Index("ix_balance_history_at", "at"),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("written_at", Double, nullable=False),
)
