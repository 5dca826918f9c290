"""The data folder: made for this user alone, and a clear word when it cannot be used."""

from __future__ import annotations

from pathlib import Path

from bot.domain.errors import SettingsError


def make_data_folder(folder: Path) -> None:
    """Make the folder unless it is there.

    Raises:
        SettingsError: it cannot be made, or is no folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unusable(folder, error) from error


def unusable(folder: Path, error: OSError) -> SettingsError:
    """What to tell people when the system does not let the bot work there."""
    return SettingsError(
        f"NIJA_DATA_DIR: the data folder {folder} cannot be used ({error.strerror}); "
        "name a folder that this user may read and write"
    )
