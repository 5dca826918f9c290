"""Accounts as the control API reads them: what is the same at every venue. A venue adds its own fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)]


class Body(BaseModel):
    """A JSON object with known fields only: unknown ones are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class NewAccount(Body):
    """An account to open; balances by canonical asset code, `fee_rate` a fraction of the cost."""

    name: Annotated[str, Field(min_length=1)]
    venue: str = "kraken"
    balances: dict[str, Amount] = Field(default_factory=dict)
    fee_rate: Share | None = None
    api_key: str | None = None
    api_secret: str | None = None


class AccountChange(Body):
    """What to set on an account; fields that are not given stay. `enabled` false revokes its key."""

    balances: dict[str, Amount] | None = None
    fee_rate: Share | None = None
    enabled: bool | None = None
