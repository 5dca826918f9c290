"""What every command needs: settings, log, output for people and for scripts."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bot.app import ConnectProgress
from bot.cli.ending import BAD_SETTINGS, DONE, FAILED, IN_USE, INTERRUPTED, UNCLEAR
from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.ledger.entry import password_of
from bot.reporting.log import LogFile, LogSetup, configure_logging
from bot.reporting.notify.urls import secret_parts
from bot.settings.env import Settings, load_settings
from bot.settings.redaction import Redactor

__all__ = [
    "BAD_SETTINGS",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "IN_USE",
    "UNCLEAR",
    "ConnectBar",
    "chosen_venues",
    "complain",
    "err",
    "out",
    "print_json",
    "settings_with_log",
]

#: Columns of a table in a file or a pipe, which have no width of their own.
_WIDTH_WITHOUT_TERMINAL = 150


def _console(stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL)


out = _console(stderr=False)
err = _console(stderr=True)


def complain(message: str) -> None:
    """One line on standard error."""
    err.print(f"❌ {message}", style="red", markup=False, highlight=False, soft_wrap=True)


def chosen_venues(names: str) -> list[BrokerType]:
    """The venues of a list with commas, each once, in its order.

    Raises:
        SettingsError: there is no such venue, or none is named.
    """
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in set(BrokerType)]
    if unknown or not wanted:
        raise SettingsError(f"there is no venue {', '.join(unknown) or names!r}; there are: {', '.join(BrokerType)}")
    return [BrokerType(name) for name in dict.fromkeys(wanted)]


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def settings_with_log(settings: Settings | None = None, level: str | None = None) -> tuple[Settings, LogSetup]:
    """Settings and a log that masks their secrets.

    Raises:
        SettingsError: a setting that everything needs is wrong.
    """
    settings = settings or load_settings()
    redactor = Redactor()
    for account in (*settings.accounts, *settings.resting):
        redactor.register(account.credentials.api_key.get_secret_value())
        redactor.register(account.credentials.api_secret.get_secret_value())
    environment = settings.environment
    if password := password_of(environment.ledger_url):
        redactor.register(password)
    for secret in (environment.metrics_token, *secret_parts(environment.notify_urls)):
        if secret:
            redactor.register(secret)
    file = environment.log_file and LogFile(environment.log_file, environment.log_file_mb, environment.log_files)
    json_lines = environment.log_format == "json"
    return settings, configure_logging(redactor, level or environment.log_level, json_lines, file=file or None)


class ConnectBar:
    """A progress bar on standard error while accounts connect; use as a context, pass ``report`` on."""

    def __init__(self, what: str = "connecting accounts") -> None:
        self._what = what
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err, transient=True
        )

    def __enter__(self) -> ConnectProgress:
        self._progress.start()
        task = self._progress.add_task(self._what, total=None)

        def report(through: int, total: int) -> None:
            self._progress.update(task, completed=through, total=total)

        return report

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
