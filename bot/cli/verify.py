"""``verify``: what is missing until an installation can trade, before it does."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape

from bot.app.verification import Check, Report, Verdict, Verification, worst_first
from bot.cli.common import BAD_SETTINGS, DONE, FAILED, ConnectBar, complain, err, out, print_json, settings_with_log
from bot.cli.ending import INTERRUPTED, break_off, end_process, when_asked_to_end
from bot.cli.tables import table
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError, SettingsError
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import Settings, load_settings
from bot.settings.redaction import Redactor

_DOTENV = Path(".env")
_SIGNS = {Verdict.OK: "✅", Verdict.NOTE: "[i]", Verdict.WARNING: "⚠️", Verdict.FAILED: "❌"}
EPILOG = "Exit codes: 0 ready; 1 something must be mended; 2 settings cannot be read. Warnings do not fail."


class Which(StrEnum):
    """What to verify."""

    KRAKEN = "kraken"
    COINBASE = "coinbase"
    ALPACA = "alpaca"
    ALL = "all"


def verify(
    venue: Annotated[Which, typer.Argument(help="Which venue; all that have accounts when left out.")] = Which.ALL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
) -> None:
    """Check everything that trading needs before the bot is started: keys, money, clock, ledger, users.

    Each account is asked at its venue. No order is placed: where a venue judges an order without placing it, the
    smallest one is judged.
    """
    try:
        settings = load_settings(dotenv=_DOTENV)
    except SettingsError as error:
        _cannot_read(error, as_json)
    # What the parts log on the way is in the table, where it belongs.
    settings, log = settings_with_log(settings, level="CRITICAL")
    venues = None if venue is Which.ALL else (BrokerType(venue),)
    what = Verification(settings, venues, front_door_switches().system_disabled(), _DOTENV)
    try:
        with ConnectBar("verifying accounts") if err.is_terminal else nullcontext() as progress:
            report = what.run(progress)
    finally:
        log.close()
    show = _Shown(settings)
    if as_json:
        print_json(show.as_json(report))
    else:
        show.for_people(report)
    _leave(DONE if report.ready else FAILED)


def kraken_script() -> None:
    """``python verify_kraken_trading_enabled.py``: as ``python bot.py verify kraken``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command(epilog=EPILOG)
    def kraken(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
    ) -> None:
        """Check everything that trading at Kraken needs, before the bot is started; no order is placed."""
        verify(Which.KRAKEN, as_json)

    run_script(app)


def run_script(app: typer.Typer) -> None:
    """Run a script's one command; an error is one line on standard error and an exit code, never a traceback."""
    try:
        when_asked_to_end(break_off)
        app()
    except SettingsError as error:
        complain(str(error))
        sys.exit(BAD_SETTINGS)
    except NijaError as error:
        complain(str(error))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _cannot_read(error: SettingsError, as_json: bool) -> NoReturn:
    mend = "correct that setting in the environment or .env"
    if as_json:
        check = {"id": "settings", "account": None, "verdict": "failed", "text": str(error), "mend": mend}
        print_json({"ready": False, "venues": {}, "checks": [check | {"venue": None}]})
    else:
        complain(str(error))
        err.print(f"   mend: {mend}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(BAD_SETTINGS)


def _leave(code: int) -> NoReturn:
    # A venue that hangs must not hold up the end: its lane waits for an answer that nobody needs any more.
    sys.stdout.flush()
    sys.stderr.flush()
    end_process(code)


class _Shown:
    """A report for people and for programs, its secrets masked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redactor = Redactor()
        for account in settings.accounts:
            self._redactor.register(account.credentials.api_key.get_secret_value())
            self._redactor.register(account.credentials.api_secret.get_secret_value())

    def as_json(self, report: Report) -> dict[str, Any]:
        """``ready``, ``venues`` (name -> ready), ``running``, ``checks``."""
        checks = [
            asdict(check)
            | {
                "account": None if check.account is None else str(check.account),
                "venue": check.account.venue if check.account else check.venue,
                "text": self._redactor.redact(check.text),
                "mend": self._redactor.redact(check.mend),
            }
            for check in report.checks
        ]
        venues = {venue: report.is_ready(venue) for venue in report.venues}
        return {"ready": report.ready, "venues": venues, "running": report.running, "checks": checks}

    def for_people(self, report: Report) -> None:
        """A table, then what is to be mended, then what happens now."""
        rows = [
            (_SIGNS[check.verdict], check.id, check.place, self._redactor.redact(check.text)) for check in report.checks
        ]
        out.print(table("Verification", ("", "check", "of", "found"), rows))
        failed = report.having(Verdict.FAILED)
        self._list("To be mended:", failed)
        self._list("Better mended, but no hindrance:", report.having(Verdict.WARNING))
        for venue in report.venues:
            if report.is_ready(venue):
                self._say(f"✅ {venue.upper()} IS READY TO TRADE!", "bold green")
            else:
                self._say(f"❌ {venue.upper()} IS NOT READY: mend what is listed above, and verify again", "bold red")
        if any(map(report.is_ready, report.venues)):
            self._what_happens(report)

    def _list(self, title: str, checks: list[Check]) -> None:
        if not checks:
            return
        self._say(title, "bold")
        for number, check in enumerate(worst_first(checks), start=1):
            about = f"{check.place}: " if check.place else ""
            self._say(f"{number}. {check.id}: {about}{check.text}")
            if check.mend:
                self._say(f"   mend: {check.mend}")

    def _what_happens(self, report: Report) -> None:
        environment = self._settings.environment
        start = "a bot runs already" if report.running else "start with: ./start.sh (or: python bot.py run)"
        self._say(f"What happens now: {start}")
        named = environment.strategy
        if named != "off":
            self._say(f"  masters trade by the strategy {named}: {environment.strategy_symbols}")
        if environment.watch_master:
            self._say("  what masters trade by hand is copied too")
        self._say("  a master's trade by command: python bot.py trade --help")
        for master, users in report.leads.items():
            told = f"{len(users)} copy it: {', '.join(map(str, users))}" if users else "nobody copies it"
            self._say(f"  {master} leads; {told}")
        if report.observing:
            self._say("  OBSERVE MODE: copies are planned and written down, none is sent")

    def _say(self, text: str, style: str = "") -> None:
        out.print(escape(self._redactor.redact(text)), style=style or None, highlight=False, soft_wrap=True)
