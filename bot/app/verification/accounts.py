"""One account at its venue: its key, its money, and one order that is judged and not placed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.app.verification import mends
from bot.app.verification.ledger import LedgerWord, pause_of
from bot.app.verification.verdicts import Check, failed, note, ok, warning
from bot.broker_manager import BaseBroker
from bot.brokers.base.key import KeyReport
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount, NijaError, RateLimited, VenueRejected
from bot.domain.money import MINIMUM_FUNDED_BALANCE, usd
from bot.domain.orders import is_master
from bot.reporting.lines import UNDERFUNDED
from bot.settings.env import AccountSettings, Environment

#: Keys that end sooner than this, seconds, are told.
_SOON_S = 14 * 86_400.0
_NO_MONEY = "insufficient"
#: A clock that differs by more, seconds, is warned about, and fails: Kraken's orders and Coinbase's tokens carry times.
_DRIFT_WARNED_S, _DRIFT_FAILED_S = 2.0, 30.0
_CLOCK_MEND = "sudo timedatectl set-ntp true (or install chrony), then: timedatectl status"


class AccountVerifier:
    """Asks a venue about one account.

    Args:
        account: whose.
        broker: of the account, started; it may not be able to trade.
        symbol: of the order that is judged.
        within_s: for everything together.
    """

    def __init__(
        self,
        account: AccountSettings,
        broker: BaseBroker,
        environment: Environment,
        symbol: str,
        within_s: float,
    ) -> None:
        self._account = account
        self._broker = broker
        self._environment = environment
        self._symbol = account.user.symbol_for(symbol) if account.user else symbol
        self._within_s = within_s
        self._ends_at = 0.0
        self._id = account.account

    def checks(self) -> list[Check]:
        """Everything that there is to say of the account; stops at what makes the rest pointless."""
        self._ends_at = time.monotonic() + self._within_s
        try:
            report = self._broker.key_check(self._left_s())
        except (NijaError, TimeoutError) as error:
            return [self._no_answer("key", error)]
        found = [warning("permissions", "the server does not tell what the key may do", account=self._id)]
        if report is not None:
            found = self._of_key(report)
            if report.refusal:
                return found
        if not self._broker.connect(self._left_s()):
            return [*found, self._refused("key", self._broker.status, barred=self._broker.barred)]
        funding, funded = self._funding()
        return [*found, funding, self._of_order(funded)]

    def _left_s(self) -> float:
        return max(0.1, self._ends_at - time.monotonic())

    def _no_answer(self, check: str, error: Exception) -> Check:
        if isinstance(error, TimeoutError):
            return self._refused(check, f"no answer within {self._within_s:g} s", barred=False)
        refused = isinstance(error, VenueRejected) and not isinstance(error, RateLimited)
        return self._refused(check, str(error), barred=refused)

    def _refused(self, check: str, said: str, *, barred: bool) -> Check:
        venue = self._id.venue
        mend = mends.when_refused(self._account, said) if barred else mends.when_unreachable(venue, self._environment)
        return failed(check if barred else "venue", said, mend, account=self._id)

    # -- the key ---------------------------------------------------------------------------------------------------

    def _of_key(self, report: KeyReport) -> list[Check]:
        found = []
        prefix, page = mends.prefix_of(self._account), report.settings_page
        if report.moves_money:
            words = ", ".join(report.moves_money)
            text = f"the key may move money: {words}; with it a thief empties the account, so the bot refuses it"
            mend = f"untick {words} for the key of {prefix}_API_KEY, or make one without: {page}"
            found.append(failed("permissions", text, mend, account=self._id))
        if report.missing:
            words = ", ".join(report.missing)
            mend = f"tick {words} for the key of {prefix}_API_KEY: {page}"
            found.append(failed("permissions", f"the key lacks {words}", mend, account=self._id))
        if not found and report.permissions:
            text = f"{', '.join(sorted(report.permissions))}; may not move money"
            found.append(ok("permissions", text, account=self._id))
        found += [note("key", text, account=self._id) for text in report.notes]
        return found + self._of_use(report, page)

    def _of_use(self, report: KeyReport, page: str) -> list[Check]:
        found = []
        prefix = mends.prefix_of(self._account)
        if report.nonce_window:
            text = f"nonce window {report.nonce_window}: an old request could be repeated"
            found.append(
                warning("nonce window", text, f"set the nonce window of the key to 0: {page}", account=self._id)
            )
        if report.allowed_addresses == ():
            text = "the key may be used from every address"
            mend = f"enter this machine's address for the key of {prefix}_API_KEY: {page}"
            found.append(note("addresses", text, mend, account=self._id))
        if report.valid_until is not None:
            found += self._of_end(report.valid_until, page)
        return found

    def _of_end(self, valid_until: float, page: str) -> list[Check]:
        left_s, day = valid_until - time.time(), f"{datetime.fromtimestamp(valid_until, UTC):%Y-%m-%d}"
        mend = f"make a new key in time: {page}"
        if left_s <= 0:
            return [failed("expiry", f"the key has ended on {day}", mend, account=self._id)]
        if left_s < _SOON_S:
            return [note("expiry", f"the key ends on {day}, in {left_s / 86_400:.0f} days", mend, account=self._id)]
        return [ok("expiry", f"the key ends on {day}", account=self._id)]

    # -- money and orders ------------------------------------------------------------------------------------------

    def _funding(self) -> tuple[Check, bool]:
        balance = self._broker.get_account_balance()
        if balance >= MINIMUM_FUNDED_BALANCE:
            return ok("balance", f"{usd(balance)} to trade with", account=self._id), True
        text = f"{usd(balance)}: {UNDERFUNDED}"
        mend = (
            f"put at least {usd(MINIMUM_FUNDED_BALANCE)} (USD, USDT or USDC) into the account; some more to be of use"
        )
        if is_master(self._id):
            return failed("balance", text, mend, account=self._id), False
        return warning("balance", text, mend, account=self._id), False

    def _of_order(self, funded: bool) -> Check:
        if not self._broker.validates_orders:
            text = f"{self._id.venue.capitalize()} judges no order without placing it: none was tried"
            return note("order", text, account=self._id)
        if not funded:
            return note("order", "no order was tried: there is no money for it", account=self._id)
        try:
            said = self._broker.validate_order(self._symbol, self._left_s())
        except InvalidAmount as error:
            mend = "name a symbol of the venue in STRATEGY_SYMBOLS, or take the user's quote_map out"
            return warning("order", str(error), mend, account=self._id)
        except (NijaError, TimeoutError) as error:
            return self._no_answer("order", error)
        if said is None:
            text = f"the smallest buy of {self._symbol} would be taken (judged, not placed)"
            return ok("order", text, account=self._id)
        if _NO_MONEY in said.lower():
            mend = "hold enough of the currency that the symbol is paid in, or map it with quote_map in the users file"
            return warning("order", f"cannot pay the smallest buy of {self._symbol}: {said}", mend, account=self._id)
        mend = "python bot.py verify (again, in some minutes); else another symbol in STRATEGY_SYMBOLS"
        return failed("order", f"the smallest buy of {self._symbol} would be refused: {said}", mend, account=self._id)


def check_clock(venue: BrokerType, brokers: Sequence[BaseBroker], within_s: float) -> Check:
    """How far this machine's clock is from the venue's, as the first account that gets an answer hears."""
    ends_at, reason = time.monotonic() + within_s, "no account asked"
    for broker in brokers:
        try:
            drift = broker.clock_drift(max(0.1, ends_at - time.monotonic()))
        except TimeoutError:
            reason = f"no answer within {within_s:g} s"
        except NijaError as error:
            reason = str(error)
        else:
            return _of_drift(venue, drift)
    return warning("clock", f"the venue's time was not had: {reason}", "mend what keeps the accounts away", venue=venue)


def _of_drift(venue: BrokerType, drift: float) -> Check:
    text = f"this machine's clock is {abs(drift):.1f} s {'ahead of' if drift > 0 else 'behind'} the venue's"
    if abs(drift) > _DRIFT_FAILED_S:
        return failed("clock", text, _CLOCK_MEND, venue=venue)
    if abs(drift) > _DRIFT_WARNED_S:
        return warning("clock", text, _CLOCK_MEND, venue=venue)
    return ok("clock", text, venue=venue)


def as_the_bot_says(account: AccountSettings, word: LedgerWord) -> list[Check]:
    """A key that a running bot uses is not used beside it: what that bot wrote of the account is told instead."""
    row, of = word.accounts.get(account.account), account.account
    if row is None:
        text = "a bot runs and has not written of this account yet, so its key was not tried"
        return [warning("key", text, "start the bot again, or stop it and verify", account=of)]
    told = f"as the running bot wrote {max(0.0, time.time() - row.checked_at):.0f} s ago (its key was not used here)"
    if not row.connected:
        return [failed("key", f"{row.status}; {told}", f"python bot.py users resume {of.name}", account=of)]
    balance = row.balance
    if balance is not None and balance < MINIMUM_FUNDED_BALANCE:
        verdict = failed if is_master(of) else warning
        return [verdict("balance", f"{usd(balance)}: {UNDERFUNDED}; {told}", "put money into the account", account=of)]
    return [ok("balance", f"{'-' if balance is None else usd(balance)}, {row.status}; {told}", account=of)]


def check_pause(account: AccountSettings, word: LedgerWord) -> list[Check]:
    """Whether the operator paused the account."""
    reason, of = pause_of(account.account, word), account.account
    if reason is None:
        return []
    mend = f"python bot.py users unpause {of.name}" if not is_master(of) else "end the pause on the page"
    return [warning("pause", f"paused by the operator: {reason}; entries are skipped", mend, account=of)]
