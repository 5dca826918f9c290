"""``users resume``: ends a pause."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.common import FAILED, complain, out
from bot.cli.running import ask_running_bot, bot_is_running
from bot.domain.enums import BrokerType
from bot.settings.env import load_settings

#: Seconds that the running bot may take to connect an account, behind a trade that it carries out first.
_ANSWER_WITHIN_S = 90.0


def resume(
    user_id: Annotated[str, typer.Argument(help="Whose account; [bold]master[/bold] for the master's own.")],
    venue: Annotated[BrokerType, typer.Option(help="At which venue.")] = BrokerType.KRAKEN,
) -> None:
    """End the pause of an account that failed too often or was locked out, and connect it at once.

    For the running bot: without one there is no pause. Exit code 1 when the account is not usable afterwards.
    """
    settings = load_settings()
    if not bot_is_running(settings):
        complain("no bot is running, so nothing is paused: every account connects when the bot starts")
        raise typer.Exit(FAILED)
    payload = {"user_id": user_id, "venue": venue.value}
    result = ask_running_bot(
        settings,
        "resume_user",
        payload,
        doing="the running bot connects the account",
        look="python bot.py users",
        within_s=_ANSWER_WITHIN_S,
    )
    if not result["connected"]:
        complain(f"{result['account']} does not connect: {result['status']}")
        raise typer.Exit(FAILED)
    if result["resumed"]:
        out.print(f"▶️ {result['account']} is connected again; before it was: {result['was']}", markup=False)
    else:
        out.print(f"{result['account']} was not paused: it is connected", markup=False)
