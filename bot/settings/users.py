"""``config/users/*.json``: who follows, and within which limits.

A bad entry leaves out that entry and nothing else; every fault is one line with file, user and field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
)

from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.money import DOLLARS

UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Symbol = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z0-9.]+-[A-Za-z0-9.]+$")]

HIGHEST_USER_RISK = Decimal("0.10")


class UserSettings(BaseModel):
    """One entry of a users file.

    Attributes:
        venue: from the file's name when missing (also written ``broker_type``).
        account_type: retail or investor; from the file's name when missing.
        copy_from_master: false: connected, but follows nobody.
        independent: the account may trade by its own strategy while it copies nobody: it follows no master, or that one
            is not connected.
        follow: the venue whose master to follow; None follows the master of the user's own venue.
        multiplier: the user's own factor on every entry.
        max_user_risk: share of the balance a trade may use, at most 0.10; None takes the common limit.
        max_trade_usd: absolute cap on an entry, US dollars.
        quote_map: what to pay with instead of what the master pays with: ``{"USD": "USDC"}`` copies BTC-USD as
            BTC-USDC. They are different money: without it, nothing is mapped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    user_id: UserId
    name: str = ""
    description: str = ""
    enabled: bool = True
    venue: BrokerType = Field(validation_alias=AliasChoices("venue", "broker_type"))
    account_type: Literal["retail", "investor"] = "retail"
    copy_from_master: bool = True
    independent: bool = False
    follow: BrokerType | None = None
    multiplier: Annotated[Decimal, Field(gt=0, le=10)] = Decimal(1)
    max_user_risk: Annotated[Decimal, Field(gt=0, le=HIGHEST_USER_RISK)] | None = None
    max_trade_usd: Annotated[Decimal, Field(gt=0)] | None = None
    disabled_symbols: frozenset[Symbol] = frozenset()
    allowed_symbols: frozenset[Symbol] | None = None
    quote_map: dict[str, str] = Field(default_factory=dict)
    _file: str = PrivateAttr(default="config")

    @field_validator("enabled", "copy_from_master", "independent", mode="before")
    @classmethod
    def _only_true_or_false(cls, value: Any) -> Any:
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, was {value!r}")
        return value

    @field_validator("multiplier", "max_user_risk", "max_trade_usd", mode="before")
    @classmethod
    def _only_numbers(cls, value: Any) -> Any:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
            raise ValueError(f"must be a number, was {value!r}")
        return value

    @field_validator("quote_map")
    @classmethod
    def _only_dollars(cls, value: dict[str, str]) -> dict[str, str]:
        mapped = {given.upper(): wanted.upper() for given, wanted in value.items()}
        if not {*mapped, *mapped.values()} <= {*DOLLARS}:
            raise ValueError(f"must map one of {', '.join(DOLLARS)} to another, was {value!r}")
        return mapped

    @property
    def place(self) -> str:
        """File and user, as messages name it."""
        return f"{self._file}: user {self.user_id}"

    @property
    def account(self) -> AccountId:
        """The account that this entry is about."""
        return AccountId(self.user_id, self.venue)

    def symbol_for(self, symbol: str) -> str:
        """The symbol (canonical) in which this user copies a master's: another quote where ``quote_map`` has one."""
        if not self.quote_map:
            return symbol
        base, quote = split_symbol(symbol)
        return f"{base}-{self.quote_map.get(quote, quote)}"

    @property
    def master(self) -> AccountId | None:
        """The master that it follows; None when it follows nobody."""
        return AccountId.master(self.follow or self.venue) if self.copy_from_master else None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that the operator has to mend, and where."""

    where: str
    text: str

    def __str__(self) -> str:
        return " ".join(f"{self.where}: {self.text}".splitlines())


def load_users(folder: Path) -> tuple[list[UserSettings], list[Problem]]:
    """All entries of all users files in a folder, enabled or not, and what is wrong with the rest."""
    if not folder.is_dir():
        return [], [Problem(str(folder), "is no folder; nobody copies until NIJA_USERS_DIR names the users' folder")]
    users: list[UserSettings] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.json")):
        found, faults = _load_file(path)
        users += found
        problems += faults
    return _without_duplicates(users, problems)


def _load_file(path: Path) -> tuple[list[UserSettings], list[Problem]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(str(path), f"cannot be read ({error})")]
    except json.JSONDecodeError as error:
        return [], [Problem(str(path), f"is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}")]
    except (ValueError, ArithmeticError, RecursionError):
        return [], [Problem(str(path), "is not valid JSON: a number is too long, or lists are nested too deeply")]
    if not isinstance(entries, list):
        return [], [Problem(str(path), "must hold a list of users: [ {...}, {...} ]")]
    users: list[UserSettings] = []
    problems: list[Problem] = []
    for position, entry in enumerate(entries, start=1):
        try:
            user = UserSettings.model_validate(_with_defaults(path, entry))
            user._file = str(path)
            users.append(user)
        except ValidationError as error:
            problems += _explain(path, position, entry, error)
    return users, problems


def _with_defaults(path: Path, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    kind, _, venue = path.stem.partition("_")
    defaults: dict[str, Any] = {}
    if venue in set(BrokerType) and not {"venue", "broker_type"} & entry.keys():
        defaults["venue"] = venue
    if kind in ("retail", "investor"):
        defaults["account_type"] = kind
    return defaults | entry


def _explain(path: Path, position: int, entry: Any, error: ValidationError) -> list[Problem]:
    user = entry.get("user_id") if isinstance(entry, dict) else None
    where = f"{path}: user {user}" if isinstance(user, str) and user else f"{path}: entry {position}"
    problems = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "entry"
        text = "unknown field" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        problems.append(Problem(f"{where}: {field}", text))
    return problems


def _without_duplicates(users: list[UserSettings], problems: list[Problem]) -> tuple[list[UserSettings], list[Problem]]:
    seen: dict[str, int] = {}
    for user in users:
        seen[str(user.account)] = seen.get(str(user.account), 0) + 1
    twice = {account for account, count in seen.items() if count > 1}
    problems += [
        Problem(f"{user.place}: user_id", f"{user.account} stands more than once in the users files; none is used")
        for user in users
        if str(user.account) in twice
    ]
    masters = [user for user in users if user.user_id == "master"]
    problems += [Problem(f"{user.place}: user_id", "'master' is reserved") for user in masters]
    return [user for user in users if str(user.account) not in twice and user not in masters], problems
