"""Who follows in a simulation: users of users files, or made-up ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.domain.ids import AccountId
from bot.domain.money import plain
from bot.settings.users import Problem, UserSettings, load_users


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """One user and what it begins with, in its own quote currency."""

    user: UserSettings
    dollars: Decimal


def made_up_users(dollars: Sequence[Decimal], venue: BrokerType) -> list[SimulatedUser]:
    """Users without limits of their own, one for each sum."""
    return [
        SimulatedUser(UserSettings(user_id=f"user{number:02d}_{plain(sum_)}", venue=venue), sum_)
        for number, sum_ in enumerate(dollars, start=1)
    ]


def users_who_follow(
    path: Path, master: AccountId, dollars: Decimal, own: Mapping[str, Decimal]
) -> tuple[list[SimulatedUser], list[Problem]]:
    """The users of a folder of users files, or of one file, that follow a master.

    Args:
        dollars: what they begin with, where ``own`` has no sum for their user_id.

    Returns:
        They, and who was left out and why.

    Raises:
        SettingsError: there is no such folder or file, or ``own`` names nobody of it.
    """
    if not path.exists():
        raise SettingsError(f"--users {path}: there is no such folder or file")
    entries, problems = load_users(path if path.is_dir() else path.parent)
    if path.is_file():
        entries = [user for user in entries if user.place.startswith(f"{path}: ")]
        problems = [problem for problem in problems if problem.where.startswith(str(path))]
    _check_names(own, entries)
    followers = []
    for user in entries:
        reason = _why_not(user, master)
        if reason:
            problems.append(Problem(user.place, reason))
        else:
            followers.append(SimulatedUser(user, own.get(user.user_id, dollars)))
    return followers, problems


def _why_not(user: UserSettings, master: AccountId) -> str:
    if not user.enabled:
        return "left out: it is not enabled"
    if user.master is None:
        return "left out: it follows nobody"
    return "" if user.master == master else f"left out: it follows {user.master}, this is {master}"


def _check_names(own: Mapping[str, Decimal], entries: Sequence[UserSettings]) -> None:
    names = [user.user_id for user in entries]
    for name in own:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"
            raise SettingsError(f"--balance {name}: no such user; {hint}")
