"""A folder of users files and an environment, as an operator would have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.settings.env import Settings, load_settings

MASTER_KEYS = {"KRAKEN_MASTER_API_KEY": "master-key-0123456789", "KRAKEN_MASTER_API_SECRET": "master-secret-0123456789"}


def keys_of(*names: str, venue: str = "KRAKEN") -> dict[str, str]:
    """A key and a secret for each name, all different."""
    found = {}
    for name in names:
        found[f"{venue}_USER_{name}_API_KEY"] = f"key-of-{venue}-{name}-0123456789"
        found[f"{venue}_USER_{name}_API_SECRET"] = f"secret-of-{venue}-{name}-0123456789"
    return found


class Office:
    """Where an operator puts settings."""

    def __init__(self, folder: Path) -> None:
        self.users = folder / "users"
        self.users.mkdir()
        self.dotenv = folder / ".env"

    def write(self, name: str, *entries: Any) -> Path:
        """A users file that holds a list of entries."""
        return self.write_text(name, json.dumps(list(entries)))

    def write_text(self, name: str, text: str) -> Path:
        path = self.users / name
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, *environments: Mapping[str, str]) -> Settings:
        """The settings, under an environment made of all that is given."""
        variables = {"NIJA_USERS_DIR": str(self.users)}
        for environment in environments:
            variables |= environment
        self.keep_private()
        return load_settings(variables, self.dotenv)

    def keep_private(self) -> None:
        """``.env`` as it has to be."""
        if self.dotenv.exists():
            self.dotenv.chmod(0o600)


def names_of(settings: Settings) -> list[str]:
    """The users that can be connected."""
    return [account.account.name for account in settings.users]


def complaints(settings: Settings) -> list[str]:
    """Every problem as the line that the operator reads; a line is one line."""
    lines = [str(problem) for problem in settings.problems]
    for line in lines:
        assert len(line.splitlines()) == 1, f"not one line: {line!r}"
    return lines


def the_only_complaint(settings: Settings) -> str:
    lines = complaints(settings)
    assert len(lines) == 1, lines
    return lines[0]
