"""Keys in an encrypted file, and every other file of secrets that nobody else may read."""

from bot.settings.vault.box import Vault
from bot.settings.vault.opening import find_vault, merged_variables, unlocking_of
from bot.settings.vault.private import read_dotenv, read_private, write_private
from bot.settings.vault.wrapping import KeyFile, Passphrase, Unlocking

__all__ = [
    "KeyFile",
    "Passphrase",
    "Unlocking",
    "Vault",
    "find_vault",
    "merged_variables",
    "read_dotenv",
    "read_private",
    "unlocking_of",
    "write_private",
]
