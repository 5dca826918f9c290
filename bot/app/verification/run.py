"""All checks, put together; accounts and clocks at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.app.heartbeat import FRESH_S, read_heartbeat
from bot.app.live_users import left_behind
from bot.app.system import ConnectProgress
from bot.app.venues import make_brokers
from bot.app.verification import mends
from bot.app.verification.accounts import AccountVerifier, as_the_bot_says, check_clock, check_pause
from bot.app.verification.ledger import LedgerWord, check_mode, is_observing, look_into_ledger
from bot.app.verification.machine import check_folder, check_machine, check_nonces, folder_held
from bot.app.verification.ports import looking_only
from bot.app.verification.setup import check_env_file, check_secret_files, check_setup, first_steps, venues_of
from bot.app.verification.start import check_start
from bot.app.verification.verdicts import Check, Report, failed, note
from bot.broker_manager import BaseBroker, BrokerManager
from bot.domain.enums import BrokerType
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.ledger.entry import ledger_url, open_views
from bot.runtime.clock import SystemClock
from bot.settings.env import AccountSettings, Settings

#: Accounts that are asked about at the same time.
_AT_ONCE = 32
#: Seconds for one account, and for one clock; a hung venue holds nobody up for longer.
_WITHIN_S = 20.0
_FALLBACK_SYMBOL = "BTC-USD"
#: Their keys count requests: two who use one disturb each other.
_COUNTS_REQUESTS = (BrokerType.KRAKEN,)

Job = Callable[[], list[Check]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What is verified.

    Attributes:
        settings: as the bot would read them.
        venues: which; None for all that have accounts.
        disabled_by_flag: the front door's SYSTEM_DISABLED.
        dotenv: the file with the settings.
        within_s: seconds for an account.
    """

    settings: Settings
    venues: tuple[BrokerType, ...] | None = None
    disabled_by_flag: bool = False
    dotenv: Path = Path(".env")
    within_s: float = _WITHIN_S

    def run(self, progress: ConnectProgress | None = None) -> Report:
        """Look at everything; places no order, and changes nothing but the nonces of the keys.

        Args:
            progress: told how many accounts and clocks are through, of how many.
        """
        environment = self.settings.environment
        folder = environment.nija_data_dir
        checks = [*check_machine(folder), *check_env_file(self.dotenv), *check_secret_files(environment)]
        checks.append(check_folder(folder))
        word = look_into_ledger(environment)
        checks += [word.check, *check_mode(environment, word, disabled_by_flag=self.disabled_by_flag)]
        checks += check_start(environment)
        venues = self._chosen()
        if not self.settings.accounts:
            steps = first_steps(self.venues or (BrokerType.KRAKEN,))
            return Report((*checks, *steps, *check_setup(self.settings, ())), self.venues or ())
        setup = check_setup(self.settings, venues)
        checks += [check for check in setup if any(map(check.concerns, venues))]
        with folder_held(folder) as running:
            beat = read_heartbeat(folder) if running else None
            if running and (beat is None or abs(time.time() - beat.at) > FRESH_S):
                text = f"{folder} is held by another check or command, or by a bot that starts or hangs"
                mend = "python bot.py health; wait for what holds it, or end it, and verify again"
                checks.append(failed("running", text, mend))
            elif running:
                text = f"another bot, or another check, works on {folder}: keys that count requests are left to it"
                checks.append(note("running", text))
            checks += check_nonces(folder)
            exits_only, left = self._left_behind()
            checks += [check for check in left if any(map(check.concerns, venues))]
            asked = [one for one in (*self.settings.accounts, *exits_only) if one.account.venue in venues]
            checks += _Asking(self, word, running).checks(asked, progress)
        return Report(tuple(checks), venues, running, is_observing(environment, word), self._leads(venues))

    def _left_behind(self) -> tuple[Sequence[AccountSettings], list[Check]]:
        """Disabled users that the bot connects for their exits, and users whose copied coins nobody would sell."""
        environment = self.settings.environment
        try:
            views = open_views(ledger_url(environment.ledger_url, environment.nija_data_dir))
        except LedgerUnavailable:
            return (), []  # told by the check of the ledger, or there is none yet
        try:
            exits_only, problems = left_behind(self.settings, views)
        except LedgerUnavailable:
            return (), []
        finally:
            views.close()
        mend = "python bot.py users, docs/troubleshooting.md: a key and an entry, or sell by hand"
        told = [failed("exits", one.text, mend, account=AccountId.parse(one.where)) for one in problems]
        return exits_only, told

    def _chosen(self) -> tuple[BrokerType, ...]:
        if self.venues is not None:
            return self.venues
        return venues_of(self.settings)

    def _leads(self, venues: Sequence[BrokerType]) -> dict[AccountId, tuple[AccountId, ...]]:
        masters = {master.account for master in self.settings.masters}
        leads: dict[AccountId, list[AccountId]] = {one: [] for one in sorted(masters, key=str) if one.venue in venues}
        for account in self.settings.users:
            assert account.user is not None
            master = account.user.master
            if master in masters and account.account.venue in venues:
                leads.setdefault(master, []).append(account.account)
        return {master: tuple(sorted(users, key=str)) for master, users in leads.items()}

    @property
    def symbol(self) -> str:
        """What the order that is judged is about."""
        named = (symbol.strip().upper() for symbol in self.settings.environment.strategy_symbols.split(","))
        return next(filter(None, named), _FALLBACK_SYMBOL)


@dataclass
class _Asking:
    """Asks the venues about accounts."""

    what: Verification
    word: LedgerWord
    running: bool
    found: list[Check] = field(default_factory=list)

    def checks(self, accounts: Iterable[AccountSettings], progress: ConnectProgress | None) -> list[Check]:
        asked = []
        for account in accounts:
            self.found += check_pause(account, self.word)
            if self.running and account.account.venue in _COUNTS_REQUESTS:
                self.found += as_the_bot_says(account, self.word)
            else:
                asked.append(account)
        manager = self._brokers(asked)
        manager.start()
        try:
            self._ask({account.account: account for account in asked}, manager.brokers, progress)
        finally:
            manager.stop(1.0)
        return self.found

    def _brokers(self, asked: Sequence[AccountSettings]) -> BrokerManager:
        manager, by_id = BrokerManager(), {account.account: account for account in asked}

        def left_out(account: AccountId, reason: str) -> None:
            self.found.append(_of_settings(by_id[account], reason))

        settings = replace(
            self.what.settings,
            masters=tuple(account for account in asked if account.user is None),
            users=tuple(account for account in asked if account.user is not None),
        )
        make_brokers(settings, manager, looking_only(SystemClock()), left_out)
        return manager

    def _ask(
        self,
        accounts: dict[AccountId, AccountSettings],
        brokers: Sequence[BaseBroker],
        progress: ConnectProgress | None,
    ) -> None:
        environment, within_s = self.what.settings.environment, self.what.within_s
        jobs: list[Job] = [
            AccountVerifier(accounts[broker.account], broker, environment, self.what.symbol, within_s).checks
            for broker in brokers
        ]
        jobs += [_clock_job(venue, brokers, within_s) for venue in sorted({broker.venue for broker in brokers})]
        if not jobs:
            return
        places: list[list[Check]] = [[] for _ in jobs]
        # Every job ends by itself: whatever it waits for has a time-out of its own.
        with ThreadPoolExecutor(_AT_ONCE, "verify") as pool:
            numbers = {pool.submit(job): number for number, job in enumerate(jobs)}
            for through, future in enumerate(as_completed(numbers), start=1):
                places[numbers[future]] = future.result()
                if progress is not None:
                    progress(through, len(jobs))
        self.found += [check for place in places for check in place]


def _clock_job(venue: BrokerType, brokers: Sequence[BaseBroker], within_s: float) -> Job:
    of_venue = [broker for broker in brokers if broker.venue is venue]

    return lambda: [check_clock(venue, of_venue, within_s)]


def _of_settings(account: AccountSettings, reason: str) -> Check:
    """Of a key that cannot be one, or a nonce file that cannot be used."""
    if "nonce file" in reason:
        mend = "restore it from a backup; without one see that the clock is right, delete it, wait 5 minutes"
        return failed("nonces", reason, mend, account=account.account)
    if "in use already" in reason:
        mend = "stop the other bot that uses this key, or give this one a key of its own"
        return failed("nonces", reason, mend, account=account.account)
    if "secret" in reason or "API key" in reason:
        return failed("key", reason, mends.copy_again(account), account=account.account)
    mend = "set NIJA_DATA_DIR to a folder that this user may write"
    return failed("nonces", reason, mend, account=account.account)
