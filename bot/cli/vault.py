"""``vault``: keys in one encrypted file instead of in ``.env``."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from filelock import FileLock

from bot.audit.entries import AuditKind
from bot.cli.audit import write_down
from bot.cli.common import FAILED, err, out, print_json
from bot.cli.look import Json
from bot.domain.errors import SettingsError
from bot.settings.env import Environment
from bot.settings.vault import (
    KeyFile,
    Passphrase,
    Unlocking,
    Vault,
    find_vault,
    read_dotenv,
    read_private,
    unlocking_of,
)
from bot.settings.vault.box import new_key_file
from bot.settings.vault.opening import PASSPHRASE, key_file_path, refuse_passphrase_in, vault_path

_DOTENV = Path(".env")
_NEW_PASSPHRASE = "NIJA_VAULT_NEW_PASSPHRASE"
#: Shorter ones are warned about, and very short ones refused.
_ADVISED, _LEAST = 15, 8
#: Seconds that another command may take with the vault, whose person types at a terminal.
_TURN_WITHIN_S = 60.0
_KEY_NAME = re.compile(
    r"(KRAKEN_MASTER|KRAKEN|COINBASE|ALPACA|(KRAKEN|COINBASE|ALPACA)_USER_[A-Z0-9_]+?)_(API_KEY|API_SECRET|PAPER)"
)
#: They say where the vault is, or are needed before it is open.
_OUTSIDE = "NIJA_"

Name = Annotated[str, typer.Argument(help="As in .env: [bold]KRAKEN_MASTER_API_KEY[/bold].")]
KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", help="A file whose bytes open the vault; made when it is not there.")
]

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def group() -> None:
    """Keep keys in one encrypted file. Values go in and are never shown again."""


@app.command()
def init(key_file: KeyFileOption = None) -> None:
    """Make an empty vault, opened by a passphrase (asked for, or NIJA_VAULT_PASSPHRASE) or by a key file.

    A key file lets the bot start without anybody at a terminal. Keep it elsewhere than the vault and its backups:
    who has both has the keys.
    """
    variables = _variables()
    path, chosen = vault_path(variables), key_file or key_file_path(variables)
    if path.exists():
        raise SettingsError(f"there is a vault at {path} already")
    unlocking = _new_passphrase(variables.get(PASSPHRASE, "")) if chosen is None else _key_file(chosen)
    Vault.create(path, unlocking)
    _note(variables, f"vault init, opened by a {unlocking.kind}")
    out.print(f"✅ {path} is there, opened by a {unlocking.kind}", markup=False, soft_wrap=True)
    if key_file is not None:
        out.print(f"set NIJA_VAULT_KEY_FILE={key_file}", markup=False, soft_wrap=True)
    out.print("put a key into it with: python bot.py vault add KRAKEN_MASTER_API_KEY")


@app.command()
def add(name: Name) -> None:
    """Set one entry. Its value is asked for, hidden, or read from standard input up to the end."""
    _refuse_unknown(name)
    with _open_vault() as (vault, variables, _):
        value = _value_of(name)
        was_there = vault.put(name, value)
        vault.save()
    _note(variables, f"vault add {name}", name=name)
    out.print(f"✅ {name} is {'changed' if was_there else 'in the vault'}", markup=False, highlight=False)
    _warn_of_leftover(name)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """The names that are in the vault; never a value, and so no passphrase is needed."""
    variables = _variables()
    vault = _found(variables)
    if as_json:
        print_json({"path": str(vault.path), "opened_by": vault.opened_by, "names": vault.names})
        return
    out.print(f"{vault.path}, opened by a {vault.opened_by}: {len(vault.names)} entries", markup=False, soft_wrap=True)
    for name in vault.names:
        out.print(f"  {name}", markup=False, highlight=False)
        _warn_of_leftover(name)


@app.command()
def remove(name: Name) -> None:
    """Take one entry out."""
    with _open_vault() as (vault, variables, _):
        vault.remove(name)
        vault.save()
    _note(variables, f"vault remove {name}", name=name)
    out.print(f"✅ {name} is not in the vault any more", markup=False, highlight=False)


@app.command()
def rotate(
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Also choose a new passphrase (or set NIJA_VAULT_NEW_PASSPHRASE).")
    ] = False,
    key_file: KeyFileOption = None,
) -> None:
    """Make a new data key and encrypt everything anew; with an option, also what opens the vault changes.

    Whoever has an old copy of the file and its passphrase can still read that copy: after a theft, change the keys at
    the venues.
    """
    if passphrase and key_file is not None:
        raise SettingsError("choose one: --passphrase or --key-file")
    with _open_vault() as (vault, variables, unlocking):
        if passphrase:
            unlocking = _new_passphrase(variables.get(_NEW_PASSPHRASE, ""), _NEW_PASSPHRASE)
        elif key_file is not None:
            unlocking = _key_file(key_file)
        vault.rotate(unlocking)
        vault.save()
    _note(variables, f"vault rotate, opened by a {unlocking.kind}")
    out.print(f"✅ everything is encrypted anew, opened by a {unlocking.kind}", markup=False)
    if key_file is not None:
        out.print(f"set NIJA_VAULT_KEY_FILE={key_file}", markup=False, soft_wrap=True)


# -- finding and opening -----------------------------------------------------------------------------------------


def _variables() -> dict[str, str]:
    of_file = read_dotenv(_DOTENV)
    refuse_passphrase_in(of_file, _DOTENV)
    return of_file | dict(os.environ)


def _found(variables: dict[str, str]) -> Vault:
    vault = find_vault(variables)
    if vault is None:
        raise SettingsError(f"there is no vault at {vault_path(variables)}: python bot.py vault init")
    return vault


@contextmanager
def _open_vault() -> Iterator[tuple[Vault, dict[str, str], Unlocking]]:
    variables = _variables()
    path = _found(variables).path
    with _turn(path):
        vault = _found(variables)
        unlocking = unlocking_of(vault, variables)
        vault.open(unlocking)
        yield vault, variables, unlocking


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Two commands that change a vault do it one after the other."""
    lock = FileLock(f"{path}.lock", mode=0o600)
    try:
        lock.acquire(timeout=_TURN_WITHIN_S)
    except OSError as error:
        reason = error.strerror or "another command holds it"
        raise SettingsError(f"the vault {path} cannot be changed: {lock.lock_file}: {reason}") from None
    try:
        yield
    finally:
        lock.release()


def _key_file(path: Path) -> KeyFile:
    if path.exists():
        return KeyFile(read_private(path))
    content = new_key_file(path)
    out.print(f"✅ made the key file {path}: keep a copy elsewhere, for without it the vault stays shut", markup=False)
    return KeyFile(content)


def _new_passphrase(given: str, name: str = PASSPHRASE) -> Passphrase:
    if not given:
        if not sys.stdin.isatty():
            raise SettingsError(f"there is no terminal to ask at: set {name}, or use --key-file PATH")
        given = getpass.getpass("new passphrase: ")
        if getpass.getpass("once more: ") != given:
            raise SettingsError("the two are not the same: nothing was changed")
    if len(given) < _LEAST:
        raise SettingsError(f"the passphrase must have at least {_LEAST} signs; {_ADVISED} and more are advised")
    if len(given) < _ADVISED:
        err.print(f"⚠️ the passphrase is short: {_ADVISED} signs and more are advised", highlight=False)
    return Passphrase(given)


def _value_of(name: str) -> str:
    value = getpass.getpass(f"value of {name}: ") if sys.stdin.isatty() else sys.stdin.read()
    # A key in PEM has line ends, and is stored in one line as everywhere.
    value = value.strip().replace("\r\n", "\n").replace("\n", "\\n")
    if not value:
        raise SettingsError(f"{name}: there was no value; nothing was changed")
    if value.startswith("-----BEGIN") and "-----END" not in value:
        # A terminal gives one line only, and the rest of what was pasted is gone.
        raise SettingsError(
            f"{name}: only the first line of the key came through; nothing was changed: vault add {name} < key.pem"
        )
    return value


def _refuse_unknown(name: str) -> None:
    settings = {field.upper() for field in Environment.model_fields if not field.upper().startswith(_OUTSIDE)}
    if name in settings or _KEY_NAME.fullmatch(name):
        return
    if name.startswith(_OUTSIDE):
        _refuse(f"{name} is needed before the vault is open: put it into the environment or .env")
    _refuse(f"{name} is no setting of this program; names are those of .env.example, as KRAKEN_MASTER_API_KEY")


def _refuse(reason: str) -> NoReturn:
    raise SettingsError(reason)


def _warn_of_leftover(name: str) -> None:
    if name in os.environ:
        place = "the environment" if os.environ[name].strip() else "the environment, with nothing behind it,"
        err.print(f"⚠️ {name} stands in {place} too, and that one is used: take it out there", highlight=False)
    if name in read_dotenv(_DOTENV):
        err.print(f"⚠️ {name} stands in {_DOTENV} too, and is not used from there: take it out", highlight=False)


def _note(variables: dict[str, str], what: str, **detail: str) -> None:
    data = Path(variables.get("NIJA_DATA_DIR", "").strip() or "data")
    if not write_down(data, AuditKind.SECRETS, what, **detail):
        raise typer.Exit(FAILED)
