"""``users add|edit|disable|enable|remove|schema``: users files, changed without an editor."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import typer

from bot.audit.entries import AuditKind
from bot.cli.audit import write_down
from bot.cli.common import FAILED, complain, out
from bot.cli.look import views_of
from bot.cli.running import bot_is_running
from bot.domain.enums import BrokerType
from bot.domain.errors import LedgerUnavailable, SettingsError
from bot.domain.ids import AccountId
from bot.domain.money import ZERO, plain
from bot.ledger.entry import FILE_NAME
from bot.settings.env import Settings, load_settings
from bot.settings.users.editing import Edited, add_user, change_user, find_user, remove_user
from bot.settings.users.schema import users_file_schema_text

ADD_EXAMPLE = """Example: [bold]python bot.py users add sam_lee --venue coinbase --follow kraken --max-trade-usd 250
[/bold]writes sam_lee into config/users/retail_coinbase.json; the key goes into the environment or .env."""
EDIT_EXAMPLE = """Example: [bold]python bot.py users edit sam_lee --multiplier 0.5 --max-trade-usd none[/bold]
halves every entry of sam_lee and takes its absolute limit away."""

#: What takes a field out of an entry, so that its default holds.
_NONE = "none"

UserId = Annotated[str, typer.Argument(help="Name of the user; its API keys are named after it.", show_default=False)]
OneVenue = Annotated[BrokerType, typer.Option("--venue", help="Where the account is.")]
AnyVenue = Annotated[
    BrokerType | None, typer.Option("--venue", help="Needed where the user is at several venues.", show_default=False)
]
AccountType = Annotated[Literal["retail", "investor"], typer.Option("--account-type", help="Which file it goes into.")]


def _text(help_text: str, metavar: str = "TEXT") -> Any:
    return typer.Option(help=help_text, metavar=metavar, show_default=False)


Name = Annotated[str | None, _text("As people call the user.")]
Description = Annotated[str | None, _text("A note.")]
Follow = Annotated[str | None, _text("The venue whose master is copied; without it that of the user's own.", "VENUE")]
Multiplier = Annotated[str | None, _text("Factor on every entry, up to 10.", "NUMBER")]
MaxUserRisk = Annotated[str | None, _text("Share of the balance that an entry may use, at most 0.10.", "NUMBER")]
MaxTradeUsd = Annotated[str | None, _text("The most that an entry may cost, US dollars.", "NUMBER")]
Allowed = Annotated[str | None, _text("The only symbols that are bought, as BTC-USD,ETH-USD.", "SYMBOLS")]
Disabled = Annotated[str | None, _text("Symbols that are not bought.", "SYMBOLS")]
QuoteMap = Annotated[str | None, _text("Other money to pay with, as USD=USDC.", "PAIRS")]
Copy = Annotated[bool | None, typer.Option("--copy/--no-copy", help="Whether it copies anybody.", show_default=False)]
Independent = Annotated[
    bool | None,
    typer.Option(
        "--independent/--no-independent",
        help="Whether it trades by its own strategy while it copies nobody.",
        show_default=False,
    ),
]


def add(
    user_id: UserId,
    venue: OneVenue = BrokerType.KRAKEN,
    account_type: AccountType = "retail",
    name: Name = None,
    description: Description = None,
    follow: Follow = None,
    multiplier: Multiplier = None,
    max_user_risk: MaxUserRisk = None,
    max_trade_usd: MaxTradeUsd = None,
    allowed_symbols: Allowed = None,
    disabled_symbols: Disabled = None,
    quote_map: QuoteMap = None,
    copy: Copy = None,
    independent: Independent = None,
    enabled: Annotated[bool, typer.Option("--enabled/--disabled", help="Whether it gets entries at once.")] = True,
) -> None:
    """Add a user to the users files; everything but its name has a default."""
    fields = _fields(
        name=name,
        description=description,
        follow=follow,
        multiplier=multiplier,
        max_user_risk=max_user_risk,
        max_trade_usd=max_trade_usd,
        allowed_symbols=allowed_symbols,
        disabled_symbols=disabled_symbols,
        quote_map=quote_map,
        copy_from_master=copy,
        independent=independent,
        enabled=None if enabled else False,
    )
    folder = load_settings().environment.nija_users_dir
    edited = add_user(folder, user_id, venue, account_type, fields)
    _say(f"➕ {user_id}:{venue} is added to {edited.path}", edited)


def edit(
    user_id: UserId,
    venue: AnyVenue = None,
    name: Name = None,
    description: Description = None,
    follow: Follow = None,
    multiplier: Multiplier = None,
    max_user_risk: MaxUserRisk = None,
    max_trade_usd: MaxTradeUsd = None,
    allowed_symbols: Allowed = None,
    disabled_symbols: Disabled = None,
    quote_map: QuoteMap = None,
    copy: Copy = None,
    independent: Independent = None,
) -> None:
    """Change fields of a user; [bold]none[/bold] takes a field out, so that its default holds."""
    changes = _fields(
        name=name,
        description=description,
        follow=follow,
        multiplier=multiplier,
        max_user_risk=max_user_risk,
        max_trade_usd=max_trade_usd,
        allowed_symbols=allowed_symbols,
        disabled_symbols=disabled_symbols,
        quote_map=quote_map,
        copy_from_master=copy,
        independent=independent,
    )
    if not changes:
        raise SettingsError("nothing to change was named; look at: python bot.py users edit --help")
    edited = change_user(load_settings().environment.nija_users_dir, user_id, venue, changes)
    _say(f"✏️ {_account(edited)}: {', '.join(sorted(changes))} changed in {edited.path}", edited)


def disable(user_id: UserId, venue: AnyVenue = None) -> None:
    """Let a user get no entries any more; what it holds is still sold with the master's exits."""
    edited = change_user(load_settings().environment.nija_users_dir, user_id, venue, {"enabled": False})
    _say(f"⏸️ {_account(edited)} is disabled in {edited.path}: no entries any more, its exits go on", edited)


def enable(user_id: UserId, venue: AnyVenue = None) -> None:
    """Let a disabled user get entries again."""
    edited = change_user(load_settings().environment.nija_users_dir, user_id, venue, {"enabled": None})
    _say(f"▶️ {_account(edited)} is enabled in {edited.path}", edited)


def remove(
    user_id: UserId,
    venue: AnyVenue = None,
    force: Annotated[bool, typer.Option("--force", help="Also where copied coins are left.")] = False,
) -> None:
    """Take a user out of the users files. One that holds copied coins is refused: disable it, and its exits go on."""
    settings = load_settings()
    folder = settings.environment.nija_users_dir
    _, at = find_user(folder, user_id, venue)
    held = _held(settings, AccountId(user_id, at))
    if held and not force:
        complain(
            f"{user_id}:{at} holds {held} that copying bought, and after a restart nobody would sell it: use "
            f"`python bot.py users disable {user_id}` until it is sold, or --force"
        )
        raise typer.Exit(FAILED)
    edited = remove_user(folder, user_id, at)
    _say(f"➖ {user_id}:{at} is removed from {edited.path}", edited)


def schema() -> None:
    """Print the JSON schema of users files, for editors: it tells every field with its default and its limits."""
    print(users_file_schema_text(), end="")


def _fields(**options: Any) -> dict[str, Any]:
    """The options that were given, as an entry has them; None takes a field out."""
    return {name: _value(name, option) for name, option in options.items() if option is not None}


def _value(name: str, option: Any) -> Any:
    if not isinstance(option, str):
        return option
    if option.strip().lower() == _NONE or not option.strip():
        return None
    if name in ("multiplier", "max_user_risk", "max_trade_usd"):
        return _number(name, option)
    if name in ("allowed_symbols", "disabled_symbols"):
        return [symbol.strip().upper() for symbol in option.split(",") if symbol.strip()]
    if name == "quote_map":
        return _pairs(option)
    return option.strip().lower() if name == "follow" else option


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SettingsError(f"--{name.replace('_', '-')}: must be a number or {_NONE}, was {text!r}")
    return number


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(given.strip() and wanted.strip() for given, _, wanted in pairs):
        raise SettingsError(f"--quote-map: must be pairs such as USD=USDC, was {text!r}")
    return {given.strip().upper(): wanted.strip().upper() for given, _, wanted in pairs}


def _account(edited: Edited) -> str:
    user = edited.after or edited.before
    return str(user.account) if user else "the user"


def _held(settings: Settings, account: AccountId) -> str:
    try:
        with views_of(settings) as views:
            coins = views.copied_coins(account)
    except LedgerUnavailable as error:
        environment = settings.environment
        if not environment.ledger_url and not (environment.nija_data_dir / FILE_NAME).exists():
            return ""  # before the first run nothing was ever bought
        return f"what nobody can tell now ({error}), perhaps coins"
    return ", ".join(f"{plain(row.quantity)} {row.symbol}" for row in coins if row.quantity > ZERO)


def _say(line: str, edited: Edited) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
    settings = load_settings()
    write_down(settings.environment.nija_data_dir, AuditKind.CONFIG, line)
    if edited.after is not None and edited.after.enabled:
        out.print(_key_line(settings, edited.after.account), markup=False, highlight=False, soft_wrap=True)
    for problem in edited.problems:
        complain(f"{problem}; a running bot applies nothing of this file until that is mended")
    if not edited.problems:
        running = bot_is_running(settings)
        text = "the running bot takes it within seconds" if running else "it holds from when the bot starts"
        out.print(f"{text}; look with: python bot.py users", markup=False, highlight=False, soft_wrap=True)


def _key_line(settings: Settings, account: AccountId) -> str:
    found = next((one.credentials.found_as for one in settings.users if one.account == account), None)
    if found is not None:
        return f"🔑 its key is {found}_API_KEY with {found}_API_SECRET: set"
    missing = f"{account.venue.upper()}_USER_{re.sub('[^A-Za-z0-9]', '_', account.name).upper()}"
    return f"🔑 put its key into the environment or .env: {missing}_API_KEY and {missing}_API_SECRET"
