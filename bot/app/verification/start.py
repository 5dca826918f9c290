"""Settings with which the bot would not start, although every account is as it should be."""

from __future__ import annotations

from collections.abc import Callable

from bot.app.trading import trading_rules_of
from bot.app.verification.verdicts import Check, failed
from bot.domain.errors import SettingsError
from bot.reporting.notify import chosen_kinds
from bot.settings.env import Environment
from bot.web.address import page_address


def check_start(environment: Environment) -> list[Check]:
    """Strategy, page and notifications, read as the start reads them; one line for each that it refuses."""
    readings: dict[str, Callable[[], object]] = {
        "strategy": lambda: trading_rules_of(environment),
        "notifications": lambda: chosen_kinds(environment.notify_events),
    }
    if environment.web_port:
        readings["page"] = lambda: page_address(environment)
    checks = []
    for name, read in readings.items():
        try:
            read()
        except SettingsError as error:
            mend = "correct that setting in the environment or .env: the bot does not start with it"
            checks.append(failed(name, str(error), mend))
    return checks
