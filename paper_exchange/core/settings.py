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


class DuplicateAnswer(StrEnum):
    """What a client order id that was used before is answered with: the first order as a success, or a refusal."""

    ECHO = "echo"
    REJECT = "reject"


@dataclass(slots=True)
class Settings:
    """The knobs of one venue; times in seconds unless the name says milliseconds.

    `read_lag_s`: how far order and balance queries trail the truth. `fee_rate`: fraction of the cost, for accounts
    without a rate of their own. `fill_delay_s`: how long after its acceptance an order trades; zero is before the
    answer. `partial_fill_probability`: how likely a delayed fill comes in two parts. `public_rate_per_s`: public calls
    per second and address, `None` for no limit. `duplicate_client_order_id`: for venues that leave both open.
    """

    latency_ms: float = 0.0
    read_lag_s: float = 0.0
    fee_rate: Decimal = Decimal("0.0026")
    fill_delay_s: float = 0.0
    partial_fill_probability: float = 0.0
    rate_limits: bool = True
    public_rate_per_s: float | None = None
    price_interval_s: float = 1.0
    system_status: SystemStatus = SystemStatus.ONLINE
    deadline_enforced: bool = True
    duplicate_client_order_id: DuplicateAnswer = DuplicateAnswer.ECHO
