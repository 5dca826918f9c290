"""Looks at the users files and at the keys every two seconds, and applies what is different."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.app.live_users.changes import FOLLOW_FIELDS, described, differ, limits_of
from bot.app.live_users.holdings import Holdings
from bot.app.live_users.keys import KeyFiles
from bot.app.venues import Venues
from bot.broker_manager import BaseBroker, BrokerManager
from bot.domain.errors import LedgerUnavailable, NijaError, SettingsError
from bot.domain.events import EventKind
from bot.domain.ids import AccountId
from bot.ledger.journal import Ledger
from bot.reporting.events import EventHub
from bot.runtime.service import Service, Ticker
from bot.runtime.supervisor import Watched
from bot.settings.credentials import Credentials
from bot.settings.env import AccountSettings, Settings
from bot.settings.users import UserSettings
from bot.settings.users.folder import UsersFolder

_log = logging.getLogger("nija.users")

_POLL_S = 2.0
#: Seconds that a new account may take to connect; after that it is tried again with all others.
_CONNECT_TIMEOUT_S = 20.0
#: Seconds for the lane of an account that never connected to end, before it is made anew with another key.
_LANE_ENDS_WITHIN_S = 5.0


def _ignore(_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class LiveUsersParts:
    """What they need.

    Attributes:
        settings: what the bot was started with.
        venues: makes the brokers of new accounts; the one that made those at start.
        watch: has a supervisor look after a lane or a service.
        launch: starts a service, and stops it with the bot.
        register_secret: has a key masked in whatever is written, before it is used.
        poll_s: seconds between two looks.
    """

    settings: Settings
    manager: BrokerManager
    venues: Venues
    ledger: Ledger
    events: EventHub
    watch: Callable[[Watched], None]
    launch: Callable[[Service], None]
    register_secret: Callable[[str], None] = _ignore
    poll_s: float = _POLL_S


class LiveUsers(Ticker):
    """Keeps the users of the running bot as their files say.

    Start it last, with every account of the start in the manager. All is done in its own thread, but for connecting: an
    account whose venue hangs keeps no change waiting.
    """

    def __init__(self, parts: LiveUsersParts) -> None:
        super().__init__("live users", self.look, parts.poll_s)
        settings = parts.settings
        self._parts = parts
        self._folder = UsersFolder(settings.environment.nija_users_dir, settings.entries, settings.problems)
        self._key_files = KeyFiles(settings.key_files)
        self._entries: list[UserSettings] | None = None
        self._settings = settings
        # Accounts that have, or could not have, a broker with this key.
        everybody = (*settings.accounts, *settings.resting)
        self._keys: dict[AccountId, Credentials] = {
            one.account: one.credentials
            for one in everybody
            if one in settings.accounts or parts.manager.broker(one.account) is not None
        }
        self._have_connected: set[AccountId] = set()
        # Fields of users that are on their way from one master to another.
        self._between: dict[AccountId, dict[str, Any]] = {}
        self._told = {str(problem) for problem in settings.problems}
        self._refused: dict[str, str] = {}
        self._refused_before: dict[str, str] = {}
        self._look_again = True

    @property
    def problems(self) -> list[str]:
        """What is wrong with users and keys now, one line each."""
        return list(dict.fromkeys((*self._folder.faults, *sorted(self._told), *self._refused.copy().values())))

    def look(self) -> None:
        """Look at every file now and apply what is different."""
        self._have_connected |= {one.account for one in self._parts.manager.brokers if one.connected}
        for problem in self._folder.look():
            is_of_file = problem.where != str(self._settings.environment.nija_users_dir)
            self._say_refused(f"{problem}; nothing of this file is applied" if is_of_file else str(problem))
        keys_changed = self._key_files.look()
        entries = self._folder.entries
        if entries == self._entries and not (keys_changed or self._look_again):
            return
        self._entries, self._look_again = entries, self._key_files.settling
        self._refused_before, self._refused = self._refused, {}
        try:
            self._apply(entries)
        except LedgerUnavailable as error:
            self._look_again = True
            self._refuse("ledger", f"what changed in the users files waits until the ledger can be read: {error}")

    def _apply(self, entries: Sequence[UserSettings]) -> None:
        holdings = Holdings.read(self._parts.ledger.views)
        self._revise_all({user.account: user for user in entries}, holdings)
        settings = None if self._key_files.settling else self._read_again(entries)
        if settings is None:
            return
        self._tell_problems(settings)
        self._tell_environment(settings)
        self._check_keys(settings, holdings)
        self._connect_new(settings, holdings)

    # -- accounts that are here ----------------------------------------------------------------------------------

    def _revise_all(self, wanted: dict[AccountId, UserSettings], holdings: Holdings) -> None:
        revised: list[tuple[UserSettings, str]] = []
        for entry in self._parts.manager.users:
            after, text = self._revise(entry.user, wanted.get(entry.user.account), holdings)
            if differ(entry.user, after):
                revised.append((after, text))
        # All in one step: a plan sees every user as before, or every user as after.
        self._parts.manager.replace_user(*(after for after, _ in revised))
        for after, text in revised:
            if text:
                self._say_changed(f"{after.account}: {text}", after.account)

    def _revise(self, current: UserSettings, new: UserSettings | None, holdings: Holdings) -> tuple[UserSettings, str]:
        account, left = current.account, self._between.pop(current.account, None)
        before = current if left is None else current.model_copy(update=left)
        if new is None:
            after = before.model_copy(update={"enabled": False})
            return after, "removed from the users files: no entries any more, its exits go on" if before.enabled else ""
        if new.independent != before.independent:
            self._refuse(f"independent {account}", f"{new.place}: independent: a change of it needs a restart")
            new = new.model_copy(update={"independent": before.independent})
        if new.master != before.master:
            return self._lead_over(before, new, is_between=left is not None, holdings=holdings)
        return new, _with_consequence(before, new)

    def _lead_over(
        self, before: UserSettings, new: UserSettings, *, is_between: bool, holdings: Holdings
    ) -> tuple[UserSettings, str]:
        account, kept = before.account, {name: getattr(before, name) for name in FOLLOW_FIELDS}
        held = holdings.symbols_of(account)
        if held:
            self._look_again = True
            text = (
                f"{new.place}: follow: {account} goes on with {before.master or 'nobody'}, whose exits sell what it "
                f"holds ({held}); {new.master or 'nobody'} from when that is sold"
            )
            self._refuse(f"follow {account}", text)
            new = new.model_copy(update=kept)
            return new, _with_consequence(before, new)
        if is_between or before.master is None:
            return new, _with_consequence(before, new)
        # For one look it follows nobody: a plan that was under way is in the ledger then, and what it buys is seen.
        nobody: dict[str, Any] = {"copy_from_master": False}
        if new.independent:
            # Who copies nobody trades by its own strategy: not for these two seconds.
            nobody["enabled"], kept["enabled"] = False, before.enabled
        self._between[account] = kept
        self._look_again = True
        between = new.model_copy(update=nobody)
        return between, described(before, between, without=(*FOLLOW_FIELDS, *nobody))

    # -- keys ----------------------------------------------------------------------------------------------------

    def _read_again(self, entries: Sequence[UserSettings]) -> Settings | None:
        read_again = self._settings.read_again
        if read_again is None:
            return None
        try:
            return read_again(entries)
        except SettingsError as error:
            self._refuse("environment", f"{error}; no key is read until that is mended")
            return None

    def _tell_problems(self, settings: Settings) -> None:
        lines = [str(problem) for problem in settings.problems]
        for line in lines:
            if line not in self._told:
                self._say_refused(line)
        self._told = set(lines)

    def _tell_environment(self, settings: Settings) -> None:
        began, now = self._settings.environment, settings.environment
        names = [name.upper() for name in type(now).model_fields if getattr(began, name) != getattr(now, name)]
        if names:
            self._refuse("environment", f".env: {', '.join(names)} changed; that needs a restart")

    def _check_keys(self, settings: Settings, holdings: Holdings) -> None:
        for account in (*settings.accounts, *settings.resting):
            known = self._keys.get(account.account)
            if known is None and account.user is None:
                self._refuse(f"key {account.account}", f"{account.account}: a master's first key needs a restart")
            if known is None or known == account.credentials:
                continue
            if account.user is not None and self._refused_as_in_use(account):
                continue
            if account.user is None or not self._try_other_key(account, holdings):
                name = account.credentials.found_as
                text = f"{account.account}: {name}_API_KEY or its secret changed: needs a restart"
                self._refuse(f"key {account.account}", text)

    def _try_other_key(self, account: AccountSettings, holdings: Holdings) -> bool:
        """A key that never worked may be changed: nothing was done with it."""
        entry = self._parts.manager.user(account.account)
        if entry is None:
            return True  # it could not have a broker; as a new one it may
        former = entry.broker
        if former.connected or account.account in self._have_connected or holdings.orders[account.account]:
            return False
        former.stop()
        if not former.join(time.monotonic() + _LANE_ENDS_WITHIN_S) or former.open_orders:
            return False
        broker = self._make(account)
        if broker is None:
            return True
        self._parts.manager.replace_broker(entry.user, broker)
        self._bring_in([(account, broker)], "has another key")
        return True

    # -- accounts that are new -----------------------------------------------------------------------------------

    def _connect_new(self, settings: Settings, holdings: Holdings) -> None:
        to_sell = [account for account in settings.resting if account.account in holdings.users]
        made: list[tuple[AccountSettings, BaseBroker]] = []
        for account in (*settings.users, *to_sell):
            name = account.account
            if self._parts.manager.user(name) is not None or self._keys.get(name) == account.credentials:
                continue
            if holdings.orders[name]:
                text = f"{name}: has open orders of an earlier run, which are taken up at a start: needs a restart"
                self._refuse(f"orders {name}", text)
                continue
            if self._refused_as_in_use(account):
                continue
            broker = self._make(account)
            if broker is not None and account.user is not None:
                self._parts.manager.add_user(account.user, broker)
                made.append((account, broker))
                if account.user.independent:
                    text = f"{account.user.place}: independent: it copies at once; its own strategy needs a restart"
                    self._refuse(f"independent {name}", text)
        if made:
            self._bring_in(made, "added")

    def _refused_as_in_use(self, account: AccountSettings) -> bool:
        """Whether another account's broker has this key: two of them would copy everything twice into one account."""
        name, key = account.account, account.credentials.api_key.get_secret_value()
        for other, known in self._keys.items():
            if other != name and known.api_key.get_secret_value() == key and self._parts.manager.broker(other):
                found_as = account.credentials.found_as
                text = f"{name}: {found_as}_API_KEY is the key that {other} still works with: needs a restart"
                self._refuse(f"shared {name}", text)
                return True
        return False

    def _make(self, account: AccountSettings) -> BaseBroker | None:
        credentials = account.credentials
        for secret in (credentials.api_key, credentials.api_secret):
            self._parts.register_secret(secret.get_secret_value())
        self._keys[account.account] = credentials
        try:
            return self._parts.venues.broker(account)
        except NijaError as error:
            self._say_refused(f"{account.account}: cannot be connected: {error}", account.account)
            self._parts.ledger.record_account(account.account, False, str(error), None, None)
            return None

    def _bring_in(self, made: Sequence[tuple[AccountSettings, BaseBroker]], what: str) -> None:
        if self._stop.is_set():
            return
        for _, broker in made:
            broker.start()
            self._parts.watch(broker)
        users = {account.account: account.user for account, _ in made}
        threading.Thread(target=self._connect, args=(users, what), name="connect users", daemon=True).start()

    def _connect(self, users: dict[AccountId, UserSettings], what: str) -> None:
        manager = self._parts.manager
        brokers = [broker for broker in manager.brokers if broker.account in users]

        def through(broker: BaseBroker) -> None:
            state = "connected" if broker.connected else f"not connected: {broker.status}; it is tried again"
            self._say_changed(f"{broker.account}: {what} ({limits_of(users[broker.account])}): {state}", broker.account)

        try:
            manager.connect(_CONNECT_TIMEOUT_S, through, brokers)
        except Exception:
            _log.exception("new users were not connected; they are tried again")
        # Not before: both would ask the venue for its listing.
        for keeper in self._parts.venues.new_keepers():
            if not self._stop.is_set():
                self._parts.launch(keeper)
                self._parts.watch(keeper)

    # -- what is said --------------------------------------------------------------------------------------------

    def _say_changed(self, text: str, account: AccountId) -> None:
        _log.info("👥 %s", text)
        self._parts.events.tell(EventKind.CONFIG_CHANGED, text, account=account)

    def _say_refused(self, text: str, account: AccountId | None = None) -> None:
        _log.error("❌ %s", text)
        self._parts.events.tell(EventKind.CONFIG_CHANGED, f"not applied: {text}", account=account)

    def _refuse(self, topic: str, text: str) -> None:
        # Said once, and again when something else is wrong with it.
        if self._refused_before.get(topic) != text and self._refused.get(topic) != text:
            self._say_refused(text)
        self._refused[topic] = text


def _with_consequence(before: UserSettings, after: UserSettings) -> str:
    text = described(before, after)
    if before.enabled and not after.enabled:
        text += "; no entries any more, its exits go on"
    return text
