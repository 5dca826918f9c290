"""The ledger: writable, and of which version; and what it says of switches and accounts. It is never changed here."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from bot.app.verification.verdicts import Check, failed, note, ok, warning
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.ledger.database import Database, cause_of
from bot.ledger.entry import ledger_url
from bot.ledger.migrations import version_of
from bot.ledger.rows import AccountRow
from bot.ledger.tables import SCHEMA_VERSION, switches
from bot.ledger.views import Views
from bot.settings.env import Environment

_KILL, _OBSERVE, _PAUSE = "kill", "observe", "pause "
_MEND = "check LEDGER_URL and NIJA_DATA_DIR; restore it from a backup: see docs/ledger.md"
_BUSY_S = 5.0


@dataclass(frozen=True, slots=True)
class LedgerWord:
    """What the ledger says.

    Attributes:
        switches: name -> reason, of those that are set.
        accounts: as the running bot, or the last one, wrote them.
    """

    check: Check
    switches: dict[str, str] = field(default_factory=dict)
    accounts: dict[AccountId, AccountRow] = field(default_factory=dict)


def look_into_ledger(environment: Environment) -> LedgerWord:
    """Open the ledger beside whoever uses it, see its version, see that it takes a write, and take that back."""
    try:
        database = Database(ledger_url(environment.ledger_url, environment.nija_data_dir), busy_timeout_s=_BUSY_S)
    except LedgerUnavailable as error:
        return LedgerWord(failed("ledger", str(error), _MEND))
    try:
        if database.file and (not database.file.exists() or not database.file.stat().st_size):
            return LedgerWord(ok("ledger", f"{database.label} is made at the first start"))
        return _look(database)
    except LedgerUnavailable as error:
        return LedgerWord(failed("ledger", str(error), _MEND))
    except (SQLAlchemyError, OSError) as error:
        return LedgerWord(failed("ledger", f"{database.label} cannot be used: {cause_of(error)}", _MEND))
    finally:
        database.dispose()


def _look(database: Database) -> LedgerWord:
    with database.reading() as connection:
        found = version_of(connection)
    if found is None:
        if database.file:
            return LedgerWord(failed("ledger", f"{database.label} is not a ledger of this program", _MEND))
        return LedgerWord(ok("ledger", f"{database.label} is empty; its tables are made at the first start"))
    if found > SCHEMA_VERSION:
        text = f"{database.label} has version {found}, this program knows {SCHEMA_VERSION}"
        return LedgerWord(failed("ledger", text, "use the version of the program that wrote it"))
    _try_to_write(database)
    if found < SCHEMA_VERSION:
        copy = "and keeps a copy" if database.file else "make a copy first, with pg_dump"
        text = f"{database.label} has version {found}: the next start brings it to {SCHEMA_VERSION}, {copy}"
        return LedgerWord(note("ledger", text))
    with database.reading() as connection:
        rows = connection.execute(switches.select().with_only_columns(switches.c.name, switches.c.reason)).all()
    accounts = {row.account: row for row in Views(database).accounts()}
    checked = ok("ledger", f"{database.label} has version {found} and can be written")
    return LedgerWord(checked, {row.name: row.reason for row in rows}, accounts)


class _TakenBack(Exception):
    pass


def _try_to_write(database: Database) -> None:
    try:
        with database.writing() as connection:
            connection.execute(sql("UPDATE schema_version SET written_at = written_at"))
            raise _TakenBack
    except _TakenBack:
        return


def check_mode(environment: Environment, word: LedgerWord, *, disabled_by_flag: bool) -> list[Check]:
    """Whether the engine would trade: the kill switch, SYSTEM_DISABLED, observe mode."""
    checks = []
    if environment.system_disabled:
        text = "SYSTEM_DISABLED is set in the environment: no order leaves"
        checks.append(failed("mode", text, "SYSTEM_DISABLED=false in .env, then start the bot again"))
    if disabled_by_flag:
        text = "SYSTEM_DISABLED is set in bot.kraken_copy_trading: no order leaves"
        checks.append(failed("mode", text, "set bot.kraken_copy_trading.SYSTEM_DISABLED to False"))
    if _KILL in word.switches:
        text = f"the kill switch is on ({word.switches[_KILL]}): no order leaves"
        checks.append(failed("mode", text, "python bot.py resume"))
    if is_observing(environment, word):
        mend = "OBSERVE_ONLY=false in .env" if environment.observe_only else "end observe mode on the page"
        checks.append(warning("mode", "OBSERVE MODE: copies are planned and written down, none is sent", mend))
    return checks or [ok("mode", "ACTIVE: signals are copied")]


def is_observing(environment: Environment, word: LedgerWord) -> bool:
    """Whether copies would be planned and not sent."""
    return environment.observe_only or _OBSERVE in word.switches


def pause_of(account: AccountId, word: LedgerWord) -> str | None:
    """Why the operator paused an account; None where nobody did."""
    return word.switches.get(f"{_PAUSE}{account}")
