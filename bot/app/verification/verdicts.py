"""What was checked, what was found, and how it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId


class Verdict(StrEnum):
    """How one check ended. Only FAILED keeps a venue from being ready."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        id: what it is, the same from run to run: ``permissions``, ``clock``...
        text: what was found, one line.
        mend: a command or a setting that mends it; empty where nothing is to be done.
        account: whose, where it is about one.
        venue: which, where it is about one; None: all of them.
    """

    id: str
    verdict: Verdict
    text: str
    mend: str = ""
    account: AccountId | None = None
    venue: BrokerType | None = None

    @property
    def place(self) -> str:
        """The account or the venue that it is about; empty for the machine and the settings."""
        return str(self.account or self.venue or "")

    def concerns(self, venue: BrokerType) -> bool:
        """Whether it says something of this venue."""
        of = self.account.venue if self.account else self.venue
        return of is None or of is venue


def ok(check: str, text: str, **about: BrokerType | AccountId | None) -> Check:
    """All is well."""
    return _check(check, Verdict.OK, text, "", about)


def note(check: str, text: str, mend: str = "", **about: BrokerType | AccountId | None) -> Check:
    """Worth knowing."""
    return _check(check, Verdict.NOTE, text, mend, about)


def warning(check: str, text: str, mend: str = "", **about: BrokerType | AccountId | None) -> Check:
    """Better mended; trading goes on without."""
    return _check(check, Verdict.WARNING, text, mend, about)


def failed(check: str, text: str, mend: str, **about: BrokerType | AccountId | None) -> Check:
    """Must be mended before anything is traded."""
    return _check(check, Verdict.FAILED, text, mend, about)


def _check(name: str, verdict: Verdict, text: str, mend: str, about: dict[str, BrokerType | AccountId | None]) -> Check:
    account, venue = about.get("account"), about.get("venue")
    assert account is None or isinstance(account, AccountId)
    assert venue is None or isinstance(venue, BrokerType)
    return Check(name, verdict, " ".join(text.split()), " ".join(mend.split()), account, venue)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found.

    Attributes:
        venues: those that were looked at.
        running: another bot works on the data folder.
        observing: copies would be planned and not sent.
        leads: each master with accounts that copy it.
    """

    checks: tuple[Check, ...]
    venues: tuple[BrokerType, ...]
    running: bool = False
    observing: bool = False
    leads: dict[AccountId, tuple[AccountId, ...]] = field(default_factory=dict)

    def is_ready(self, venue: BrokerType) -> bool:
        """Whether nothing about the venue, nor about all of them, has failed."""
        return not any(check.verdict is Verdict.FAILED and check.concerns(venue) for check in self.checks)

    @property
    def ready(self) -> bool:
        """Whether every venue that was looked at is, and there is one."""
        return bool(self.venues) and all(map(self.is_ready, self.venues))

    def having(self, *verdicts: Verdict) -> list[Check]:
        """The checks that ended so, in their order."""
        return [check for check in self.checks if check.verdict in verdicts]


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Failed ones first, then warnings, notes, and what is well."""
    order = (Verdict.FAILED, Verdict.WARNING, Verdict.NOTE, Verdict.OK)
    return sorted(checks, key=lambda check: order.index(check.verdict))
