"""What the page needs of the system, as callables and ports: it reaches no broker and no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.ledger.page_queries import PageQueries
from bot.ledger.views import Views
from bot.reporting.events import EventHub
from bot.reporting.live import LiveSystem
from bot.web.address import PageAddress
from bot.web.passwords import PasswordStore


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds one user's entries.

    Attributes:
        max_user_risk: share of the balance, as it is in force.
        max_trade_usd: US dollars; None without a cap of its own.
    """

    max_user_risk: Decimal
    multiplier: Decimal
    max_trade_usd: Decimal | None


#: ``(limit, before)``: so many entries with a lower number (``number, at, kind, who, what, detail``), newest first;
#: whether the log is whole; else what is wrong with it.
AuditPage = Callable[[int, int | None], tuple[Sequence[Mapping[str, Any]], bool, str | None]]


@dataclass(frozen=True, slots=True)
class PageParts:
    """Everything that is handed to the page.

    Attributes:
        strategy: that trades the masters' accounts; ``off`` for none.
        limits_of: of a user, as they are now; None for a master and for who is not known.
        problems: what the settings left out and why, one line each.
        post_command: ``(kind, payload, request_key)``: writes a command row and returns its number, or that of the row
            which has the key already; raises ``LedgerUnavailable`` and ``RequestKeyTaken``.
        render_metrics: the text that Prometheus reads.
        redact: masks secrets in whatever leaves by the API.
        metrics_token: whoever shows it may read the metrics; empty for nobody.
    """

    address: PageAddress
    passwords: PasswordStore
    version: str
    strategy: str
    watch_master: bool
    live: LiveSystem
    views: Views
    queries: PageQueries
    events: EventHub
    clock: Clock
    limits_of: Callable[[AccountId], Limits | None]
    problems: Callable[[], Sequence[str]]
    post_command: Callable[[str, Mapping[str, Any], str | None], int]
    audit_page: AuditPage
    render_metrics: Callable[[], bytes]
    redact: Callable[[str], str]
    metrics_token: str = field(default="", repr=False)
