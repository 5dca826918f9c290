"""What the control API reads; unknown fields are refused, so that a misspelt one is noticed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from paper_exchange.core.faults import FaultKind, FaultMoment
from paper_exchange.core.instruments import TradingStatus
from paper_exchange.core.settings import SystemStatus
from paper_exchange.kraken.keys import DEFAULT_PERMISSIONS
from paper_exchange.kraken.limits import Tier

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)]


class Body(BaseModel):
    """A JSON object with known fields only."""

    model_config = ConfigDict(extra="forbid")


class NewAccount(Body):
    """An account to open; balances by canonical asset code."""

    name: Annotated[str, Field(min_length=1)]
    venue: Literal["kraken"] = "kraken"
    balances: dict[str, Amount] = Field(default_factory=dict)
    permissions: list[str] = Field(default_factory=lambda: list(DEFAULT_PERMISSIONS))
    nonce_window: Annotated[int, Field(ge=0)] = 0
    tier: Tier = Tier.INTERMEDIATE
    fee_rate: Share | None = None
    api_key: str | None = None
    api_secret: str | None = None


class AccountChange(Body):
    """What to set on an account; fields that are not given stay."""

    balances: dict[str, Amount] | None = None
    permissions: list[str] | None = None
    nonce_window: Annotated[int, Field(ge=0)] | None = None
    fee_rate: Share | None = None
    tier: Tier | None = None
    enabled: bool | None = None


class SettingsChange(Body):
    """What to set on the exchange; fields that are not given stay."""

    latency_ms: Annotated[float, Field(ge=0)] | None = None
    read_lag_s: Annotated[float, Field(ge=0)] | None = None
    fee_rate: Share | None = None
    rate_limits: bool | None = None
    public_rate_per_s: Annotated[float, Field(gt=0)] | None = None
    price_interval_s: Annotated[float, Field(gt=0)] | None = None
    system_status: SystemStatus | None = None
    deadline_enforced: bool | None = None
    clock_offset_s: Annotated[float, Field(allow_inf_nan=False)] | None = None


class NewFault(Body):
    """A fault to arm."""

    kind: FaultKind
    venue: Literal["kraken"] | None = None
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


class MarketChange(Body):
    """What to set on a symbol; an explicit null gives back the default spread or an endless depth."""

    price: Positive | None = None
    spread: Amount | None = None
    depth: Positive | None = None
    status: TradingStatus | None = None
    minimum_size: Amount | None = None
    minimum_cost: Amount | None = None
