"""What the operator set: ``.env``, keys, users, and who follows whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.app.verification.mends import KEY_PAGES, TO_TICK
from bot.app.verification.verdicts import Check, failed, note, ok, warning
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.settings.env import AccountSettings, Environment, Settings
from bot.settings.users import Problem

_OTHERS = 0o077
_NOT_SET = re.compile(r"\b([A-Z0-9_]+_API_)(?:KEY|SECRET) is not set")
_VARIABLE = re.compile(r"\b([A-Z0-9_]+_API_)(?:KEY|SECRET)\b")
_FOLLOWING = "users of "


def check_env_file(path: Path) -> list[Check]:
    """Whether the file with the keys is for this user's eyes only."""
    if not path.is_file():
        return [note("env file", f"there is no {path.name} here; settings come from the environment")]
    return [_check_private("env file", path)]


def check_secret_files(environment: Environment) -> list[Check]:
    """The same of the vault, of the file that opens it, and of the key of the page's certificate."""
    files = (environment.nija_vault, environment.nija_vault_key_file, environment.web_tls_key)
    return [_check_private("secret files", path) for path in files if path is not None and path.is_file()]


def _check_private(name: str, path: Path) -> Check:
    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        return failed(name, f"{path} can be read by others (mode {mode:o})", f"chmod 600 {path}")
    return ok(name, f"{path} is for this user alone (mode {mode:o})")


def check_setup(settings: Settings, venues: Iterable[BrokerType]) -> list[Check]:
    """Users' files, keys that are missing or used twice, masters, and followers without one."""
    problems = [problem for problem in settings.problems if not problem.where.startswith(_FOLLOWING)]
    checks = [_of_problem(problem) for problem in problems]
    if not any(check.id == "users" for check in checks):
        checks.append(_check_users(settings))
    if not any(check.id == "keys" for check in checks) and settings.accounts:
        checks.append(ok("keys", f"{len(settings.accounts)} accounts, each with a key of its own"))
    checks += _check_shared_keys(settings.masters)
    for venue in venues:
        checks += _check_venue(settings, venue)
    if settings.users and not settings.masters and not any(one.user and one.user.independent for one in settings.users):
        text = "there is no master and no independent user: nobody trades, and the bot does not start"
        checks.append(failed("accounts", text, set_up_mend(settings.users[0].account.venue)))
    return checks


def venues_of(settings: Settings) -> tuple[BrokerType, ...]:
    """Those with an account, or with one that something is wrong with."""
    there = {account.account.venue for account in settings.accounts} | {_venue_of(one) for one in settings.problems}
    return tuple(venue for venue in BrokerType if venue in there)


def _check_users(settings: Settings) -> Check:
    folder = settings.environment.nija_users_dir
    if not settings.users:
        return warning("users", f"no enabled user in {folder}: nobody copies", "python bot.py users --help")
    return ok("users", f"{len(settings.users)} enabled users in {folder}")


def _of_problem(problem: Problem) -> Check:
    venue = _venue_of(problem)
    missing = _NOT_SET.search(problem.text)
    if missing:
        pair = f"{missing[1]}KEY=... and {missing[1]}SECRET=..."
        return failed("keys", str(problem), f"put {pair} into .env (chmod 600 .env)", venue=venue)
    named = _VARIABLE.search(problem.text)
    if named and venue:
        mend = f"make a key for this account alone, and put it into {named[1]}KEY and {named[1]}SECRET"
        return failed("keys", str(problem), f"{mend}: {KEY_PAGES[venue]}", venue=venue)
    if _NAMES_PAPER.search(problem.text):
        return failed("keys", str(problem), "write true or false into that setting", venue=venue)
    file = problem.where.partition(": ")[0]
    return failed("users", str(problem), f"correct {file}, then look: python bot.py users", venue=venue)


_NAMES_PAPER = re.compile(r"\b[A-Z0-9_]+_PAPER\b")


def _venue_of(problem: Problem) -> BrokerType | None:
    """Named by a setting, an account or a users file; what names none concerns all."""
    setting = _VARIABLE.search(problem.text) or _NAMES_PAPER.search(problem.text)
    words = setting[0].lower() if setting else problem.where.partition(": ")[0].lower()
    return next((venue for venue in BrokerType if venue in words), None)


def _check_shared_keys(masters: Sequence[AccountSettings]) -> list[Check]:
    seen: dict[str, AccountId] = {}
    checks = []
    for master in masters:
        key = master.credentials.api_key.get_secret_value()
        if key in seen:
            mend = f"put the account's own key into {master.credentials.found_as}_API_KEY"
            checks.append(failed("keys", f"{master.account} and {seen[key]} share a key", mend, account=master.account))
        seen[key] = master.account
    return checks


def _check_venue(settings: Settings, venue: BrokerType) -> list[Check]:
    masters = {master.account for master in settings.masters}
    users = [user for user in settings.users if user.account.venue is venue]
    checks = []
    if AccountId.master(venue) not in masters and not users:
        checks.append(failed("accounts", f"no {venue.upper()} account is set up", set_up_mend(venue), venue=venue))
    for account in users:
        assert account.user is not None
        master = account.user.master
        if master is None:
            checks.append(note("following", "follows nobody", account=account.account))
        elif master in masters:
            checks.append(ok("following", f"copies {master}", account=account.account))
        elif account.user.independent:
            checks.append(
                note("following", f"{master} has no key; trades by its own strategy", account=account.account)
            )
        else:
            others = " or ".join(f'"follow": "{one.venue}"' for one in sorted(masters, key=str))
            other = f"; or write {others} in its users file" if others else ""
            mend = f"{set_up_mend(master.venue)}{other}"
            text = f"will copy nothing: its master {master} has no API key"
            checks.append(failed("following", text, mend, account=account.account))
    return checks


def set_up_mend(venue: BrokerType) -> str:
    """How a venue's master is set up."""
    prefix = "KRAKEN_MASTER" if venue is BrokerType.KRAKEN else venue.upper()
    return (
        f"make a key at {KEY_PAGES[venue]} (tick {TO_TICK[venue]}), "
        f"and put {prefix}_API_KEY=... and {prefix}_API_SECRET=... into .env (chmod 600 .env)"
    )


def first_steps(venues: Iterable[BrokerType]) -> list[Check]:
    """There are no keys at all: what to do first."""
    demo = "python bot.py demo (a local exchange, no keys, no money)"
    users = "cp config/users/retail_kraken.json.example config/users/retail_kraken.json, and edit it"
    return [
        failed("accounts", "no API key is set: there is nothing to trade with; see first what the bot does", demo),
        failed("accounts", "no settings with keys", "cp .env.example .env && chmod 600 .env"),
        *(failed("accounts", f"no master at {venue.upper()}", set_up_mend(venue)) for venue in venues),
        note("users", "who is to copy stands in a users file, with a key each", users),
    ]
