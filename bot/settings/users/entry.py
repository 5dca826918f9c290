"""One user's entry, checked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, field_validator

from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.domain.instruments import COMMON_CODES, split_symbol
from bot.domain.money import DOLLARS

UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Symbol = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z0-9.]+-[A-Za-z0-9.]+$")]

HIGHEST_USER_RISK = Decimal("0.10")


class UserSettings(BaseModel):
    """One entry of a users file; what each field means is its description, which editors show too."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    user_id: UserId = Field(
        description="Name of the user, which its API keys are named after (KRAKEN_USER_<USER_ID>_API_KEY). The only "
        "field that is needed."
    )
    name: str = Field(default="", description="As people call the user; for you to read.")
    description: str = Field(default="", description="A note; for you to read.")
    enabled: bool = Field(
        default=True, description="false: the user gets no entries any more; what it holds is still sold."
    )
    venue: BrokerType = Field(
        validation_alias=AliasChoices("venue", "broker_type"),
        description="Where the account is; from the file's name when missing. Also written broker_type.",
    )
    account_type: Literal["retail", "investor"] = Field(
        default="retail", description="From the file's name when missing."
    )
    copy_from_master: bool = Field(default=True, description="false: connected, but copies nobody.")
    independent: bool = Field(
        default=False,
        description="true: the account may trade by its own strategy while it copies nobody: it follows no master, or "
        "that one is not connected.",
    )
    follow: BrokerType | None = Field(
        default=None, description="The venue whose master is copied; null: the master of the user's own venue."
    )
    multiplier: Annotated[Decimal, Field(gt=0, le=10)] = Field(
        default=Decimal(1), description="The user's own factor on every entry."
    )
    max_user_risk: Annotated[Decimal, Field(gt=0, le=HIGHEST_USER_RISK)] | None = Field(
        default=None,
        description="Share of the balance that one entry may use, at most 0.10; null: the common MAX_USER_RISK.",
    )
    max_trade_usd: Annotated[Decimal, Field(gt=0)] | None = Field(
        default=None, description="The most that one entry may cost, US dollars; null: no such limit."
    )
    disabled_symbols: frozenset[Symbol] = Field(
        default=frozenset(), description="Symbols that are not bought, such as DOGE-USD."
    )
    allowed_symbols: frozenset[Symbol] | None = Field(
        default=None, description="The only symbols that are bought; null: all."
    )
    quote_map: dict[str, str] = Field(
        default_factory=dict,
        description='What to pay with instead of what the master pays with: {"USD": "USDC"} buys BTC-USDC for BTC-USD. '
        "They are different money: without it, nothing is mapped.",
    )
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

    @field_validator("disabled_symbols", "allowed_symbols")
    @classmethod
    def _by_common_names(cls, value: frozenset[str] | None) -> frozenset[str] | None:
        if value is None:
            return None
        return frozenset("-".join(COMMON_CODES.get(code, code) for code in symbol.split("-")) for symbol in value)

    @field_validator("quote_map")
    @classmethod
    def _only_dollars(cls, value: dict[str, str]) -> dict[str, str]:
        mapped = {given.upper(): wanted.upper() for given, wanted in value.items()}
        if not {*mapped, *mapped.values()} <= {*DOLLARS}:
            raise ValueError(f"must map one of {', '.join(DOLLARS)} to another, was {value!r}")
        return mapped

    @property
    def file(self) -> Path:
        """The users file that it is from."""
        return Path(self._file)

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

    def read_from(self, path: Path) -> UserSettings:
        """Note the file that it is from; returns itself."""
        self._file = str(path)
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that the operator has to mend, and where."""

    where: str
    text: str

    def __str__(self) -> str:
        return " ".join(f"{self.where}: {self.text}".splitlines())
