"""What can be changed while the exchange runs and belongs to no single account or symbol."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class SystemStatus(StrEnum):
    """What the venue says of itself."""

    ONLINE = "online"
    MAINTENANCE = "maintenance"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"


@dataclass(slots=True)
class Settings:
    """The knobs of the whole exchange; times in seconds unless the name says milliseconds.

    `read_lag_s`: how far order and balance queries trail the truth. `fee_rate`: fraction of the cost, for accounts
    without a rate of their own. `public_rate_per_s`: public calls per second and address, `None` for no limit.
    """

    latency_ms: float = 0.0
    read_lag_s: float = 0.0
    fee_rate: Decimal = Decimal("0.0026")
    rate_limits: bool = True
    public_rate_per_s: float | None = None
    price_interval_s: float = 1.0
    system_status: SystemStatus = SystemStatus.ONLINE
    deadline_enforced: bool = True
