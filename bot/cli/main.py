"""All commands, put together."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NoReturn

from bot.cli.ending import (
    BAD_SETTINGS,
    EXIT_CODES,
    FAILED,
    IN_USE,
    INTERRUPTED,
    break_off,
    end_process,
    when_asked_to_end,
)
from bot.domain.errors import AccountInUse, NijaError, SettingsError

if TYPE_CHECKING:
    import typer

_HELP = """Copies every trade of a MASTER account into USER accounts, scaled to each user's balance.

Start with [bold]python bot.py demo[/bold]: a local exchange, one master, four users, no keys and no money.
Then put keys into .env (see .env.example), users into config/users/*.json, and run [bold]python bot.py[/bold].
"""


def make_app() -> typer.Typer:
    """The commands, put together."""
    # Here, because it takes longer than it takes somebody to press Ctrl-C.
    import typer

    from bot.cli import (
        audit,
        bench,
        control,
        demo,
        health,
        ledger,
        look,
        notify,
        paper_trading,
        pausing,
        resync,
        run,
        simulate,
        trade,
        users,
        vault,
        verify,
        web,
    )

    app = typer.Typer(
        help=_HELP,
        epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
        rich_markup_mode="rich",
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
    )
    app.callback(invoke_without_command=True)(run.default)
    app.command("run")(run.run)
    app.command("demo")(demo.demo)
    app.command("paper")(paper_trading.paper)
    app.command("trade")(trade.trade)
    app.command("simulate", epilog=simulate.EPILOG)(simulate.simulate_command)
    app.command("verify", epilog=verify.EPILOG)(verify.verify)
    app.command("status")(look.status)
    app.command("health")(health.health)
    app.command("signals")(look.signals)
    app.command("copies")(look.copies)
    app.command("resync")(resync.resync)
    app.command("kill")(control.kill)
    app.command("resume")(control.resume)
    app.command("observe")(pausing.observe)
    users.app.command("pause")(pausing.pause)
    users.app.command("unpause")(pausing.unpause)
    app.add_typer(users.app, name="users")
    app.add_typer(ledger.app, name="ledger", help="Back up, export and check the ledger.")
    app.add_typer(web.app, name="web", help="The page: a new password.")
    app.add_typer(notify.app, name="notify", help="What the bot tells by itself, and where; send a test message.")
    app.add_typer(vault.app, name="vault", help="Keys in an encrypted file instead of .env.")
    app.add_typer(audit.app, name="audit", help="What was done, by whom, and whether the record is whole.")
    app.add_typer(bench.app, name="bench", help="Measure, and print the table that was measured.")
    return app


def main() -> None:
    """Run one command; an error is one line on standard error and an exit code, never a traceback."""
    try:
        # Nothing has begun while modules load, and what is raised in the middle of an import may be swallowed there.
        when_asked_to_end(lambda: end_process(INTERRUPTED))
        app = _loaded_app()
        when_asked_to_end(break_off)
        app(prog_name="bot.py")
    except SettingsError as error:
        _give_up(error, BAD_SETTINGS)
    except AccountInUse as error:
        _give_up(error, IN_USE)
    except NijaError as error:
        _give_up(error, FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _loaded_app() -> typer.Typer:
    # What is loaded stays: looking for garbage in it takes a sixth of a command's start.
    gc.disable()
    app = make_app()
    gc.freeze()
    gc.enable()
    return app


def _give_up(error: NijaError, code: int) -> NoReturn:
    from bot.cli.common import complain

    complain(str(error))
    sys.exit(code)
