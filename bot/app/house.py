"""What people see of a running system, and what it tells them by itself: page, metrics, notifications, audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.app.auditing import Auditing
from bot.app.heartbeat import HeartbeatFile
from bot.app.notices import DailySummary, Notices
from bot.app.page import PageSources, make_page
from bot.broker_manager import BrokerManager
from bot.domain.events import EventKind
from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.domain.version import __version__
from bot.ledger.commands import Command
from bot.ledger.journal import Ledger
from bot.reporting.events import EventHub
from bot.reporting.listening import Announcements
from bot.reporting.live import LiveSystem
from bot.reporting.metrics import Metrics
from bot.reporting.notify import Notifier, chosen_kinds, make_channels
from bot.reporting.telling import EventTeller
from bot.runtime.service import Service
from bot.settings.env import Settings

#: They look, or ask for what is confirmed elsewhere.
_QUIET_COMMANDS = frozenset({"ledger_check"})


@dataclass(frozen=True, slots=True)
class HouseParts:
    """What it is made of.

    Attributes:
        left_out: accounts that could not even be made, and why.
        problems: what of users and keys is not applied and why, as it is now.
        redact: masks secrets in whatever leaves by page, audit log and notifications.
    """

    settings: Settings
    ledger: Ledger
    manager: BrokerManager
    live: LiveSystem
    events: EventHub
    announcer: Announcements
    clock: Clock
    max_user_risk: Callable[[], Decimal]
    left_out: Callable[[], Mapping[AccountId, str]]
    problems: Callable[[], Sequence[str]]
    redact: Callable[[str], str]


class OperatorsHouse:
    """Made before the system starts; its services are started by the system, some first, some last.

    Raises:
        SettingsError: a setting of page or notifications cannot be used.
    """

    def __init__(self, parts: HouseParts) -> None:
        environment, events, clock = parts.settings.environment, parts.events, parts.clock
        self._ledger, self._events = parts.ledger, events
        self._auditing = Auditing(environment.nija_data_dir, parts.ledger.views, events, clock, parts.redact)
        self._notifier = Notifier(
            make_channels(environment.notify_urls), chosen_kinds(environment.notify_events), clock, redact=parts.redact
        )
        events.listen(self._notifier.listen)
        metrics = Metrics(__version__, clock)
        metrics.watch(parts.live)
        events.listen(metrics.listener.happened)
        teller = EventTeller(events, clock)
        parts.announcer.add(metrics.listener)
        parts.announcer.add(teller)
        summary = DailySummary(environment.notify_summary_at, environment.nija_data_dir, parts.ledger.views, clock)
        self.notices = Notices(
            parts.live, events, clock, teller, parts.left_out, parts.ledger.kill_switch, daily=summary
        )
        self._page = make_page(
            PageSources(
                settings=parts.settings,
                ledger=parts.ledger,
                manager=parts.manager,
                live=parts.live,
                events=events,
                clock=clock,
                max_user_risk=parts.max_user_risk,
                problems=parts.problems,
                render_metrics=metrics.render,
                audit_page=self._auditing.audit_page,
                redact=parts.redact,
            )
        )
        self._heartbeat = HeartbeatFile(environment.nija_data_dir, parts.live, clock)

    @property
    def first(self) -> list[Service]:
        """To be started as soon as the ledger is open: they hear and show what follows."""
        found: list[Service] = [self._auditing.auditor]
        if self._notifier is not None:
            found.append(self._notifier)
        if self._page is not None:
            found.append(self._page)
        return found

    @property
    def last(self) -> list[Service]:
        """To be started once everything else runs."""
        return [self.notices, self._heartbeat]

    def tell_command(self, command: Command, failed: bool) -> None:
        """Somebody gave a command, and it was carried out, or failed."""
        if command.kind in _QUIET_COMMANDS:
            return
        given = " ".join(str(value) for name, value in command.payload.items() if name != "by" and value is not None)
        by = command.payload.get("by", "the command line")
        # Of a trade it may also not be known: who reads FAILED places it a second time.
        end = "done" if not failed else "not done, or NOT KNOWN" if command.kind == "trade" else "FAILED"
        text = f"{command.kind} by {by}: {given or 'no details'}: {end}"
        self._events.tell(EventKind.COMMAND, text, detail="To see it: python bot.py audit show")

    def stopping(self) -> None:
        """The system is asked to end: tell it while somebody can still be told."""
        self.notices.stopping()

    def finish(self, within_s: float) -> None:
        """Write the rest of the audit log; before the ledger is closed."""
        self._ledger.flush(within_s)
        self._auditing.finish(within_s)
