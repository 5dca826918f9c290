"""``web``: the page's password."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from bot.app.folder import make_data_folder
from bot.cli.common import BAD_SETTINGS, complain, out
from bot.settings.env import load_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def web() -> None:
    """The page in the bot's process."""


@app.command("password")
def password(
    generate: Annotated[bool, typer.Option("--generate", help="Make a random one and print it.")] = False,
) -> None:
    """Set a new password for the page: asked for twice, or read from standard input where that is no terminal.

    A running bot takes it at once, and whoever is logged in has to log in again.
    """
    from bot.web.passwords import PasswordStore, new_password, why_not_usable

    folder = load_settings().environment.nija_data_dir
    chosen = new_password() if generate else _asked_for()
    fault = why_not_usable(chosen)
    if fault:
        complain(fault)
        raise typer.Exit(BAD_SETTINGS)
    make_data_folder(folder)
    PasswordStore(folder).set(chosen)
    if generate:
        out.print(chosen, markup=False, highlight=False)
    else:
        out.print("the page has a new password", markup=False)


def _asked_for() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    chosen = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != chosen:
        complain("the two were not the same; nothing was changed")
        raise typer.Exit(BAD_SETTINGS)
    return chosen
