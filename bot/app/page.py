"""The page, and what it is handed of the system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.broker_manager import BrokerManager
from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.domain.version import __version__
from bot.ledger.journal import Ledger
from bot.ledger.page_queries import PageQueries
from bot.reporting.events import EventHub
from bot.reporting.live import LiveSystem
from bot.settings.env import Settings

if TYPE_CHECKING:
    from bot.web.parts import AuditPage, Limits
    from bot.web.server import WebServer as Page


@dataclass(frozen=True, slots=True)
class PageSources:
    """What the page is told of a system, by whom.

    Attributes:
        max_user_risk: the common limit, at the moment of asking.
        problems: what the settings left out and why, as it is now.
        render_metrics: the text that Prometheus reads.
        audit_page: ``(limit, before)``: entries of the audit log, newest first, whether it is whole, and what is wrong.
        redact: masks secrets in whatever leaves by the API.
    """

    settings: Settings
    ledger: Ledger
    manager: BrokerManager
    live: LiveSystem
    events: EventHub
    clock: Clock
    max_user_risk: Callable[[], Decimal]
    problems: Callable[[], Sequence[str]]
    render_metrics: Callable[[], bytes]
    audit_page: AuditPage
    redact: Callable[[str], str]


def make_page(sources: PageSources) -> Page | None:
    """The page as a service, not started; None when there is to be none (``WEB_PORT=0``).

    Raises:
        SettingsError: its settings cannot be used, or would leave it open to others without TLS.
    """
    environment = sources.settings.environment
    if not environment.web_port:
        return None
    # Here, because commands that show no page need none of it.
    from bot.web.address import page_address
    from bot.web.parts import PageParts
    from bot.web.passwords import PasswordStore
    from bot.web.server import WebServer

    views = sources.ledger.views
    parts = PageParts(
        address=page_address(environment),
        passwords=PasswordStore(environment.nija_data_dir),
        version=__version__,
        strategy=environment.strategy,
        watch_master=environment.watch_master,
        live=sources.live,
        views=views,
        queries=PageQueries.beside(views),
        events=sources.events,
        clock=sources.clock,
        limits_of=lambda account: _limits_of(sources, account),
        problems=sources.problems,
        post_command=sources.ledger.post_command,
        audit_page=sources.audit_page,
        render_metrics=sources.render_metrics,
        redact=sources.redact,
        metrics_token=environment.metrics_token,
    )
    return WebServer(parts)


def _limits_of(sources: PageSources, account: AccountId) -> Limits | None:
    from bot.web.parts import Limits

    user = next((entry.user for entry in sources.manager.users if entry.broker.account == account), None)
    if user is None:
        return None
    common = sources.max_user_risk()
    risk = common if user.max_user_risk is None else min(user.max_user_risk, common)
    return Limits(risk, user.multiplier, user.max_trade_usd)
