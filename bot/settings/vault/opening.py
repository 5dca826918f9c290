"""Where the vault is, what opens it, and its place among the other settings."""

from __future__ import annotations

import getpass
import os
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from bot.domain.errors import SettingsError
from bot.settings.vault.box import Vault
from bot.settings.vault.private import read_dotenv, read_private
from bot.settings.vault.wrapping import KeyFile, Passphrase, Unlocking

PASSPHRASE = "NIJA_VAULT_PASSPHRASE"
KEY_FILE = "NIJA_VAULT_KEY_FILE"
VAULT = "NIJA_VAULT"
_FILE_NAME = "vault.json"
#: As systemd's ``LoadCredential=nija-vault-key:/etc/nija/vault.key`` names it.
_CREDENTIAL = "nija-vault-key"


class _OpenedKeys:
    """Data keys of vaults that this process has opened: settings are read more than once, and people asked once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}

    def open(self, vault: Vault, variables: Mapping[str, str]) -> None:
        with self._lock:
            known = self._keys.get(vault.fingerprint)
            if known is not None:
                vault.open_with(known)
                return
            vault.open(unlocking_of(vault, variables))
            self._keys[vault.fingerprint] = vault.data_key


_opened = _OpenedKeys()


def merged_variables(
    variables: Mapping[str, str] | None, dotenv: Path | None, only: Collection[str] | None = None
) -> dict[str, str]:
    """The settings of all places: the process's environment, then the vault, then ``.env``.

    The environment comes first, as everywhere: it is what somebody says for this one start. The vault comes before
    ``.env``, for a key that stands in both was moved into the vault, and what was left behind may be old.

    Args:
        variables: instead of the process's environment.
        dotenv: a file that fills in what nobody else says; None for no file.
        only: names that are needed; a vault that has none of them stays shut, and nobody is asked. None: all.

    Raises:
        SettingsError: a file cannot be read, others may read it, or the vault does not open.
    """
    present = dict(os.environ if variables is None else variables)
    of_file = read_dotenv(dotenv)
    refuse_passphrase_in(of_file, dotenv)
    vault = find_vault(of_file | present)
    if vault is None or (only is not None and not set(vault.names) & set(only)):
        return of_file | present
    _opened.open(vault, of_file | present)
    return of_file | vault.values() | present


def refuse_passphrase_in(of_file: Mapping[str, str], dotenv: Path | None) -> None:
    """A vault whose passphrase lies beside it is none.

    Raises:
        SettingsError: ``.env`` has it.
    """
    if PASSPHRASE in of_file:
        raise SettingsError(f"{PASSPHRASE} does not belong into {dotenv}: the vault would be open to whoever has both")


def find_vault(variables: Mapping[str, str]) -> Vault | None:
    """The vault that the settings name, or the data folder's; None where there is none. Not opened.

    Raises:
        SettingsError: one is named and not there, or it cannot be read.
    """
    path = vault_path(variables)
    if path.exists():
        return Vault.read(path)
    if variables.get(VAULT, "").strip():
        raise SettingsError(f"there is no vault at {path}: make it with python bot.py vault init, or take {VAULT} out")
    return None


def vault_path(variables: Mapping[str, str]) -> Path:
    """Where the vault is, or would be."""
    named = variables.get(VAULT, "").strip()
    return Path(named) if named else Path(variables.get("NIJA_DATA_DIR", "").strip() or "data") / _FILE_NAME


def unlocking_of(vault: Vault, variables: Mapping[str, str]) -> Unlocking:
    """What opens this vault, as the settings say; a person at a terminal is asked.

    Raises:
        SettingsError: it is not there, and nobody can be asked; the text says what to set.
    """
    if vault.opened_by == KeyFile.kind:
        path = key_file_path(variables)
        if path is None:
            raise SettingsError(
                f"the vault {vault.path} is opened by a key file: set {KEY_FILE} to its path, or give it to the "
                f"service with systemd's LoadCredential={_CREDENTIAL}:PATH"
            )
        return KeyFile(read_private(path, allow_group=path == _credential(variables)))
    given = variables.get(PASSPHRASE, "")
    if given:
        return Passphrase(given)
    # A thread that reads the settings anew must not wait for somebody at the terminal.
    if not sys.stdin.isatty() or threading.current_thread() is not threading.main_thread():
        raise SettingsError(
            f"the vault {vault.path} wants its passphrase, and there is no terminal to ask at: set {PASSPHRASE}, or "
            f"let a key file open it: python bot.py vault rotate --key-file PATH, and {KEY_FILE}=PATH"
        )
    return Passphrase(getpass.getpass(f"passphrase of the vault {vault.path}: "))


def key_file_path(variables: Mapping[str, str]) -> Path | None:
    """The key file that is set, or that systemd gave; None where there is none."""
    named = variables.get(KEY_FILE, "").strip()
    return Path(named) if named else _credential(variables)


def _credential(variables: Mapping[str, str]) -> Path | None:
    folder = variables.get("CREDENTIALS_DIRECTORY", "").strip()
    path = Path(folder) / _CREDENTIAL
    return path if folder and path.is_file() else None
