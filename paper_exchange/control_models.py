"""What the control API reads besides accounts; unknown fields are refused, so that a misspelt one is noticed."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from paper_exchange.core.bodies import Amount, Body, Positive, Share
from paper_exchange.core.faults import FaultKind, FaultMoment
from paper_exchange.core.instruments import TradingStatus
from paper_exchange.core.orders import OrderType, Side
from paper_exchange.core.settings import DuplicateAnswer, SystemStatus


class SettingsChange(Body):
    """What to set on the exchange; fields that are not given stay."""

    latency_ms: Annotated[float, Field(ge=0)] | None = None
    read_lag_s: Annotated[float, Field(ge=0)] | None = None
    fee_rate: Share | None = None
    fill_delay_s: Annotated[float, Field(ge=0)] | None = None
    partial_fill_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    rate_limits: bool | None = None
    public_rate_per_s: Annotated[float, Field(gt=0)] | None = None
    price_interval_s: Annotated[float, Field(gt=0)] | None = None
    system_status: SystemStatus | None = None
    deadline_enforced: bool | None = None
    duplicate_client_order_id: DuplicateAnswer | None = None
    clock_offset_s: Annotated[float, Field(allow_inf_nan=False)] | None = None


class NewFault(Body):
    """A fault to arm."""

    kind: FaultKind
    venue: str | None = None
    account: str | None = None
    method: str | None = None
    when: FaultMoment = FaultMoment.BEFORE
    times: Annotated[int, Field(ge=1)] | None = 1
    skip: Annotated[int, Field(ge=0)] = 0
    each_account: bool = False
    for_s: Annotated[float, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    text: str | None = None
    fraction: Share = Decimal("0.5")


class NewOrder(Body):
    """An order that the account's owner places by hand; `volume` in base, `price` for limit orders only."""

    account: str
    symbol: str
    side: Side
    type: Literal[OrderType.MARKET, OrderType.LIMIT]
    volume: Positive
    price: Positive | None = None
    client_order_id: str | None = None


class SocketTroubleKind(StrEnum):
    """What happens to WebSocket connections; `docs/paper_exchange.md` says what each does."""

    SILENCE = "silence"
    DROP = "drop"
    CLOSE = "close"
    SKIP = "skip"
    REPEAT = "repeat"
    DELAY = "delay"
    REFUSE = "refuse"


class SocketTrouble(Body):
    """A trouble of connections: of an account, a pattern of accounts, or all; `seconds` null is for good."""

    kind: SocketTroubleKind
    account: str | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1)] = 1


class MarketChange(Body):
    """What to set on a symbol; an explicit null gives back the default spread or an endless depth."""

    price: Positive | None = None
    spread: Amount | None = None
    depth: Positive | None = None
    status: TradingStatus | None = None
    minimum_size: Amount | None = None
    minimum_cost: Amount | None = None
