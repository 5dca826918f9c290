"""Keys of accounts, out of the environment. They have no string form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Credentials:
    """One account's key and secret.

    Attributes:
        found_as: the name that they were found under (``KRAKEN_USER_TANIA``).
        paper: the key is one for play money; where a venue has such keys, it is unless ``..._PAPER`` says otherwise.
    """

    api_key: SecretStr
    api_secret: SecretStr
    found_as: str
    paper: bool = True


#: Where a master's key has other names than its venue's own.
_MASTER_PREFIXES: dict[BrokerType, tuple[str, ...]] = {BrokerType.KRAKEN: ("KRAKEN_MASTER", "KRAKEN")}


_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def master_credentials(environment: Mapping[str, str], venue: BrokerType) -> Credentials | None:
    """The master's key of a venue; None when neither half of it is set.

    Raises:
        SettingsError: only one half is set.
    """
    return _first_found(environment, _MASTER_PREFIXES.get(venue, (venue.upper(),)))


def user_credentials(environment: Mapping[str, str], venue: BrokerType, user_id: str) -> Credentials:
    """A user's key; the whole ``user_id`` (``..._USER_DAIVON_FRAZIER``) wins over its first part (``..._USER_DAIVON``).

    Raises:
        SettingsError: none is set, or only one half.
    """
    prefixes = _user_prefixes(venue, user_id)
    found = _first_found(environment, prefixes)
    if found is None:
        shortest = prefixes[-1]
        raise SettingsError(
            f"{shortest}_API_KEY is not set; put it and {shortest}_API_SECRET into the environment or .env"
        )
    return found


def _user_prefixes(venue: BrokerType, user_id: str) -> tuple[str, ...]:
    whole = re.sub(r"[^A-Za-z0-9]", "_", user_id).upper()
    first = whole.split("_")[0]
    return tuple(f"{venue.upper()}_USER_{name}" for name in dict.fromkeys((whole, first)))


def _first_found(environment: Mapping[str, str], prefixes: tuple[str, ...]) -> Credentials | None:
    for prefix in prefixes:
        # Docker's --env-file hands the quotes around a value on; no key has one of its own.
        key, secret = (environment.get(f"{prefix}_API_{part}", "").strip().strip("\"'") for part in ("KEY", "SECRET"))
        if key and secret:
            return Credentials(SecretStr(key), SecretStr(secret), prefix, _is_paper(environment, prefix))
        if key or secret:
            missing = "SECRET" if key else "KEY"
            raise SettingsError(f"{prefix}_API_{missing} is not set, but its other half is")
    return None


def _is_paper(environment: Mapping[str, str], prefix: str) -> bool:
    name = f"{prefix}_PAPER"
    said = environment.get(name, "").strip().lower() or "true"
    if said not in _YES | _NO:
        raise SettingsError(f"{name} must be true or false, was {said!r}")
    return said in _YES
