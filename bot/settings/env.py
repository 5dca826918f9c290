"""The environment and ``.env``, read once."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.domain.ids import AccountId
from bot.settings.credentials import Credentials, master_credentials, user_credentials
from bot.settings.users import Problem, UserSettings, load_users
from bot.settings.vault import merged_variables
from bot.settings.vault.opening import vault_path


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    # A name and password in front of the host are nobody's to read.
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError(f"must be a URL such as https://api.example.com, was {shown!r}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"plain http is allowed to this machine only (127.0.0.1, localhost), was {shown!r}; use https")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _safe_socket_url(url: str) -> str:
    # The same rules, spoken of as ws and wss.
    if not url.startswith(("ws://", "wss://")):
        raise ValueError(f"must be a URL such as wss://ws.example.com/v2, was {url.partition('@')[2] or url!r}")
    return "ws" + _safe_url("http" + url.removeprefix("ws")).removeprefix("http")


VenueUrl = Annotated[str, AfterValidator(_safe_url)]
SocketUrl = Annotated[str, AfterValidator(_safe_socket_url)]


class Environment(BaseModel):
    """The settings that are not keys. Every field is an environment variable of the same name in capitals.

    Attributes:
        alpaca_api_url: instead of Alpaca's own addresses for paper, for live trading and for market data.
        alpaca_minimum_order_usd: the smallest buy of a coin at Alpaca, US dollars.
        kraken_ws_url: the private socket; None is the venue's own with the venue's own API, and none with another.
        coinbase_ws_url: likewise.
        alpaca_ws_url: likewise.
        watch_master: whether what a master trades by hand is copied.
        watch_poll_s: how often a master's fills are asked for while its socket is not to be had, seconds.
        strategy: the name of the strategy that trades the masters' accounts; ``off`` for none.
        strategy_symbols: what it trades, canonical, with commas between.
        strategy_candle_minutes: length of its candles.
        strategy_settings: what the strategy is told, a JSON object of its settings.
        web_port: of the page; 0 for no page.
        web_host: the address that the page listens at; another than this machine's own needs a certificate.
        web_tls_certificate: a PEM file, with ``web_tls_key``.
        web_allowed_hosts: further host names that the page answers to, with commas between.
        metrics_token: whoever shows it may read ``/metrics`` without logging in; at least 16 signs.
        notify_urls: where notifications go, apprise's URLs with spaces between.
        notify_events: which events, their names with commas between; ``all`` for every kind.
        notify_summary_at: when the daily summary goes out, UTC, ``HH:MM``.
        log_format: text for people, json for programs.
        log_file: a file that the log is also written to; None for the terminal only.
        log_file_mb: size at which the file is put aside and a new one begun.
        log_files: how many that were put aside are kept.
        nija_vault: the encrypted file that keys may be in.
        nija_vault_key_file: a file whose bytes open the vault; None: its passphrase does.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kraken_api_url: VenueUrl = "https://api.kraken.com"
    kraken_tier: Literal["Starter", "Intermediate", "Pro"] = "Starter"
    coinbase_api_url: VenueUrl = "https://api.coinbase.com"
    alpaca_api_url: VenueUrl | None = None
    kraken_ws_url: SocketUrl | None = None
    coinbase_ws_url: SocketUrl | None = None
    alpaca_ws_url: SocketUrl | None = None
    alpaca_minimum_order_usd: Annotated[Decimal, Field(ge=0)] = Decimal(10)
    nija_data_dir: Path = Path("data")
    nija_users_dir: Path = Path("config/users")
    ledger_url: Annotated[str, Field(repr=False)] = ""
    system_disabled: bool = False
    observe_only: bool = False
    http_session: Literal["curl", "requests"] = "curl"
    connect_timeout_s: Annotated[float, Field(gt=0, le=30)] = 3.05
    read_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    order_deadline_s: Annotated[float, Field(ge=2, le=60)] = 5.0
    order_settle_s: Annotated[float, Field(ge=0, le=300)] = 8.0
    nija_crash_at: str = ""
    max_signal_age_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    balance_refresh_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    watch_master: bool = True
    watch_poll_s: Annotated[float, Field(ge=0.5, le=3600)] = 5.0
    strategy: str = "rsi_ema"
    strategy_symbols: str = "BTC-USD"
    strategy_candle_minutes: Literal[1, 5, 15, 30, 60, 1440] = 15
    strategy_settings: str = "{}"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    log_file: Path | None = None
    log_file_mb: Annotated[int, Field(ge=1, le=10_000)] = 20
    log_files: Annotated[int, Field(ge=1, le=1000)] = 10
    web_port: Annotated[int, Field(ge=0, le=65_535)] = 8787
    web_host: str = "127.0.0.1"
    web_tls_certificate: Path | None = None
    web_tls_key: Path | None = None
    web_allowed_hosts: str = ""
    metrics_token: Annotated[str, Field(repr=False)] = ""
    notify_urls: Annotated[str, Field(repr=False)] = ""
    notify_events: str = "all"
    notify_summary_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"
    nija_vault: Path | None = None
    nija_vault_key_file: Path | None = None

    @field_validator("kraken_tier", mode="before")
    @classmethod
    def _capitalised(cls, value: str) -> str:
        return value.capitalize()

    @field_validator("strategy_candle_minutes", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        # A list of values, unlike a number, does not take their text.
        return int(value) if isinstance(value, str) and value.strip().isdecimal() else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()


#: What the environment and ``.env`` call them.
_NAMES = frozenset(name.upper() for name in Environment.model_fields)


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account that is to be connected. ``user`` is None for a master."""

    account: AccountId
    credentials: Credentials
    user: UserSettings | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the operator set, checked.

    Attributes:
        masters: accounts that lead; venues without credentials are not in it.
        users: enabled users with credentials.
        problems: what was left out and why; the rest runs.
        resting: disabled users with credentials of their own; connected only where they have something to sell.
        entries: every right entry of the users files, enabled or not, with a key or without.
        key_files: the files that keys may come from.
        read_again: the settings as they would be now, with these entries instead of those of the users files; raises
            SettingsError.
    """

    environment: Environment
    masters: tuple[AccountSettings, ...]
    users: tuple[AccountSettings, ...]
    problems: tuple[Problem, ...]
    resting: tuple[AccountSettings, ...] = ()
    entries: tuple[UserSettings, ...] = ()
    key_files: tuple[Path, ...] = ()
    read_again: Callable[[Sequence[UserSettings]], Settings] | None = field(default=None, repr=False, compare=False)

    @property
    def accounts(self) -> tuple[AccountSettings, ...]:
        """Masters first, then users."""
        return self.masters + self.users


def load_settings(
    variables: Mapping[str, str] | None = None,
    dotenv: Path | None = Path(".env"),
    entries: Sequence[UserSettings] | None = None,
    *,
    keys: bool = True,
) -> Settings:
    """Read the settings.

    Args:
        variables: instead of the process's environment.
        dotenv: a file that fills in what the environment and the vault do not say; None for no file.
        entries: the users, instead of those of the users files.
        keys: whether accounts are needed. Without, a vault that holds nothing but their keys stays shut.

    Raises:
        SettingsError: a setting that every account needs is wrong; the text names it.
    """
    merged = merged_variables(variables, dotenv, only=None if keys else _NAMES)
    environment = _environment(merged)
    masters, problems = _masters(merged)
    found, user_problems = load_users(environment.nija_users_dir) if entries is None else (list(entries), [])
    users, credential_problems = _users(merged, [user for user in found if user.enabled], masters)
    problems += user_problems + credential_problems + _without_master(users, masters, problems)
    # Nobody misses the key of a disabled user, so that its problems are none.
    resting, _ = _users(merged, [user for user in found if not user.enabled], [*masters, *users])

    # Not a partial: its text would show the variables.
    def read_again(entries: Sequence[UserSettings]) -> Settings:
        return load_settings(variables, dotenv, entries)

    return Settings(
        environment,
        tuple(masters),
        tuple(users),
        tuple(problems),
        tuple(resting),
        tuple(found),
        (*([] if dotenv is None else [dotenv]), vault_path(merged)),
        read_again,
    )


def _environment(merged: Mapping[str, str]) -> Environment:
    chosen = {name: merged[name.upper()] for name in Environment.model_fields if merged.get(name.upper(), "").strip()}
    try:
        return Environment.model_validate(chosen)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        message = fault["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{str(fault['loc'][0]).upper()}: {message} (environment or .env)") from None


def _masters(merged: Mapping[str, str]) -> tuple[list[AccountSettings], list[Problem]]:
    found: list[AccountSettings] = []
    problems: list[Problem] = []
    for venue in BrokerType:
        account = AccountId.master(venue)
        try:
            credentials = master_credentials(merged, venue)
        except SettingsError as error:
            problems.append(Problem(str(account), str(error)))
            continue
        if credentials is not None:
            found.append(AccountSettings(account, credentials))
    return found, problems


def _users(
    merged: Mapping[str, str], entries: list[UserSettings], masters: list[AccountSettings]
) -> tuple[list[AccountSettings], list[Problem]]:
    found: list[AccountSettings] = []
    problems: list[Problem] = []
    for user in entries:
        try:
            credentials = user_credentials(merged, user.venue, user.user_id)
        except SettingsError as error:
            problems.append(Problem(user.place, str(error)))
            continue
        found.append(AccountSettings(user.account, credentials, user))
    usable, shared = _without_shared_keys(found, masters)
    return usable, problems + shared


def _without_master(
    users: list[AccountSettings], masters: list[AccountSettings], known: list[Problem]
) -> list[Problem]:
    """Users whose master is not set up copy nothing; where there is no master at all, that is said elsewhere."""
    there, told = {master.account for master in masters}, {problem.where for problem in known}
    alone: dict[AccountId, list[str]] = {}
    for account in users:
        assert account.user is not None
        master = account.user.master
        if there and master is not None and master not in there and str(master) not in told:
            alone.setdefault(master, []).append(account.user.user_id)
    others = ", ".join(str(master.venue) for master in sorted(there, key=str))
    return [
        Problem(
            f"users of {master}",
            f"{', '.join(sorted(names))} will copy nothing: {master} has no API key; set it, or name another venue's "
            f"master in `follow` ({others})",
        )
        for master, names in sorted(alone.items(), key=lambda one: str(one[0]))
    ]


def _without_shared_keys(
    users: list[AccountSettings], masters: list[AccountSettings]
) -> tuple[list[AccountSettings], list[Problem]]:
    # Two accounts with one key would fight over its nonce, and copy twice into the same money.
    names = Counter(account.credentials.found_as for account in users)
    keys = Counter(account.credentials.api_key.get_secret_value() for account in (*users, *masters))
    usable: list[AccountSettings] = []
    problems: list[Problem] = []
    for account in users:
        name = account.credentials.found_as
        assert account.user is not None
        if names[name] > 1:
            others = ", ".join(
                sorted(a.account.name for a in users if a.credentials.found_as == name and a is not account)
            )
            text = (
                f"{name}_API_KEY is also the name that {others} resolves to; use the whole user_id in capitals for each"
            )
            problems.append(Problem(account.user.place, text))
        elif keys[account.credentials.api_key.get_secret_value()] > 1:
            problems.append(Problem(account.user.place, f"{name}_API_KEY holds a key that another account uses too"))
        else:
            usable.append(account)
    return usable, problems
