"""``resync``: what each follower's copied coins should be, what they are and why; and their correction."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Annotated, Any

import typer

from bot.cli.common import BAD_SETTINGS, DONE, FAILED, UNCLEAR, complain, out, print_json
from bot.cli.look import Json, views_of
from bot.cli.running import ask_running_bot, bot_is_running
from bot.cli.tables import money, table
from bot.copying.resync import AccountReplay, Standing, replay
from bot.domain.enums import OrderState
from bot.domain.money import plain, shown
from bot.settings.env import Settings, load_settings
from bot.settings.users import UserSettings

#: Seconds that the running bot may take.
_ANSWER_WITHIN_S = 60.0
_LOOK = "python bot.py resync"

UserName = Annotated[
    str | None, typer.Option("--user", help="Only this user_id, at every venue; or anna:kraken for one account.")
]
Symbol = Annotated[str | None, typer.Option(help="Only this symbol, as the user holds it: BTC-USD.")]
Apply = Annotated[bool, typer.Option("--apply", help="Correct it, through the running bot; needs --user.")]
Yes = Annotated[bool, typer.Option("--yes", help="With --apply: do not ask.")]
All = Annotated[bool, typer.Option("--all", help="Also accounts without drift.")]


def resync(
    user: UserName = None,
    symbol: Symbol = None,
    apply: Apply = False,
    yes: Yes = False,
    everyone: All = False,
    as_json: Json = False,
) -> None:
    """Compare every follower's copied coins with what the master's trades come to, and say why they differ.

    [bold]should[/bold]: each trade of the master, in proportion to the balances at that time, times the user's
    multiplier, without limits. [bold]has[/bold]: what copying bought and still holds; coins that were there before, or
    that the user bought by hand, do not count. The causes add up to the difference; below zero is too much.

    What is [bold]capped[/bold], [bold]on its way[/bold], or [bold]rounding and fees[/bold] is no drift. Everything else
    can be corrected with [bold]--user NAME --apply[/bold]: the running bot buys what is missing, within the limits of
    one trade of that user, or sells what is too much, of copied coins only. It asks before, and names the amounts.

    Exit code 0 when nothing drifts or everything was corrected, 1 when something does or was refused, 4 when it is not
    known what became of a correction.
    """
    if apply and user is None:
        complain("say whom to correct: python bot.py resync --user NAME --apply")
        raise typer.Exit(BAD_SETTINGS)
    settings = load_settings()
    symbol = symbol.upper() if symbol else None
    running = bot_is_running(settings)
    if apply and not running:
        complain("no bot runs, and only a running one corrects: start it with python bot.py, then ask again")
        raise typer.Exit(FAILED)
    if apply:
        assert user is not None
        raise typer.Exit(_correct(settings, user, symbol, sure=yes, as_json=as_json))
    standings = [one for one in _standings(settings, user) if symbol in (None, one.symbol)]
    report = {
        "running": running,
        "standings": [_standing_json(one) for one in standings if everyone or one.correctable],
        "masters": _ask(settings, {"do": "masters"})["masters"] if running else None,
        "corrections": _preview(settings, user, symbol) if running and user is not None else None,
    }
    if as_json:
        print_json(report)
    else:
        _show(report, drifting=sum(bool(one.correctable) for one in standings), compared=len(standings), user=user)
    if any(one.correctable for one in standings):
        raise typer.Exit(FAILED)


# -- what is asked ---------------------------------------------------------------------------------------------------


def _standings(settings: Settings, name: str | None) -> list[Standing]:
    users = [one.user for one in settings.users if one.user is not None and _is_meant(one.user, name)]
    begins = [AccountReplay.of(user, user.master) for user in users if user.master is not None]
    if name is not None and not begins:
        complain(f"no user {name} follows a master; look at: python bot.py users")
        raise typer.Exit(BAD_SETTINGS)
    with views_of(settings) as views:
        history = views.history([begin.account for begin in begins])
    found = [one for replayed in replay(begins, history) for one in replayed.now.standings(history.coins)]
    return sorted(found, key=lambda one: (one.account, one.symbol))


def _is_meant(user: UserSettings, name: str | None) -> bool:
    return name is None or name in (user.user_id, str(user.account))


def _preview(settings: Settings, user: str, symbol: str | None, request: str = "") -> list[dict[str, Any]]:
    payload = {"do": "preview", "user": user, "symbol": symbol, "request": request}
    found: list[dict[str, Any]] = _ask(settings, payload)["corrections"]
    return found


def _ask(settings: Settings, payload: dict[str, Any]) -> dict[str, Any]:
    doing = "the running bot corrects" if payload["do"] == "apply" else "the running bot is asked"
    return ask_running_bot(settings, "resync", payload, doing=doing, look=_LOOK, within_s=_ANSWER_WITHIN_S)


# -- corrections -----------------------------------------------------------------------------------------------------


def _correct(settings: Settings, user: str, symbol: str | None, *, sure: bool, as_json: bool) -> int:
    request = uuid.uuid4().hex[:12]
    planned = _preview(settings, user, symbol, request)
    possible = [line for line in planned if "refused" not in line]
    if not possible:
        _show_corrections(planned, as_json=as_json)
        return FAILED
    if not sure and not typer.confirm(_question(possible), err=True):
        complain("nothing was done")
        return FAILED
    agreed = {f"{line['account']} {line['symbol']}": _signed(line) for line in possible}
    payload = {"do": "apply", "user": user, "symbol": symbol, "request": request, "agreed": agreed}
    done = _ask(settings, payload)["corrections"]
    refused = [line for line in planned if "refused" in line]
    _show_corrections(done + [line for line in refused if _place(line) not in map(_place, done)], as_json=as_json)
    if any(line.get("state") == OrderState.UNKNOWN for line in done):
        return UNCLEAR
    return FAILED if refused or any("refused" in line or line["went_wrong"] for line in done) else DONE


def _question(lines: list[dict[str, Any]]) -> str:
    return "\n".join([*(f"{line['account']}: {_what(line)}" for line in lines), "Do it?"])


def _what(line: dict[str, Any]) -> str:
    note = f" ({line['note']})" if line["note"] else ""
    amount, price = shown(Decimal(line["quantity"])), shown(Decimal(line["price"]))
    return f"{line['side']} {amount} {line['symbol']} for about {money(line['worth'])}, now at {price}{note}"


def _signed(line: dict[str, Any]) -> str:
    return line["quantity"] if line["side"] == "buy" else f"-{line['quantity']}"


def _place(line: dict[str, Any]) -> tuple[str, str]:
    return line["account"], line["symbol"]


def _show_corrections(lines: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"corrections": lines})
        return
    rows = [(line["account"], line["symbol"], _outcome(line)) for line in lines]
    out.print(table("Corrections", ("account", "symbol", "what became of it"), rows))


def _outcome(line: dict[str, Any]) -> str:
    if "refused" in line:
        return f"not corrected: {line['refused']}"
    if "state" not in line:
        return _what(line)
    result = f"order {line['order_id']}" if line["order_id"] else line["reason"]
    return f"{line['state']}: {_what(line)}; {result}"


# -- the table -------------------------------------------------------------------------------------------------------


def _show(report: dict[str, Any], *, drifting: int, compared: int, user: str | None) -> None:
    columns = ("account", "symbol", "should", "has", "difference", "%", "$", "causes")
    right = ("should", "has", "difference", "%", "$")
    if report["standings"]:
        out.print(table("Copied coins", columns, [_row(one) for one in report["standings"]], right=right))
    moved = [one for one in report["masters"] or [] if one["moved"] is None or Decimal(one["moved"])]
    if moved:
        names = ("master", "coin", "after its last trade", "has now", "without a trade")
        out.print(table("Masters", names, [_master_row(one) for one in moved], right=names[2:]))
    verdict = f"❌ {drifting} of {compared} differ" if drifting else f"✅ all of {compared} as they should be"
    out.print(f"{verdict}; what is capped, on its way or rounding does not count", highlight=False, soft_wrap=True)
    if not report["running"]:
        out.print("no bot runs: this is from the ledger, and what masters have now is not known", soft_wrap=True)
    for line in report["corrections"] or []:
        out.print(
            f"{line['account']} {line['symbol']}: {_outcome(line)}", markup=False, highlight=False, soft_wrap=True
        )
    if drifting:
        out.print(f"correct it with: {_LOOK} --user {user or 'NAME'} --apply", markup=False, soft_wrap=True)


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    causes = [f"{name} {shown(Decimal(amount))}" for name, amount in one["causes"].items() if _is_seen(amount)]
    if one["unknown"]:
        causes.append(f"{one['unknown']} entries of an unknown share")
    return (
        one["account"],
        one["symbol"],
        shown(Decimal(one["should"])),
        shown(Decimal(one["has"])),
        shown(Decimal(one["difference"])),
        None if one["percent"] is None else f"{Decimal(one['percent']):+.2f}",
        money(one["worth"]),
        ", ".join(causes),
    )


def _is_seen(amount: str) -> bool:
    return bool(round(Decimal(amount), 8))


def _master_row(one: dict[str, Any]) -> tuple[Any, ...]:
    after, now, moved = (
        "not known" if one[name] is None else shown(Decimal(one[name])) for name in ("after_trade", "now", "moved")
    )
    return one["master"], one["base"], after, now, moved


def _standing_json(one: Standing) -> dict[str, Any]:
    return {
        "account": str(one.account),
        "symbol": one.symbol,
        "master": str(one.master),
        "should": plain(one.should),
        "has": plain(one.has),
        "difference": plain(one.difference),
        "percent": None if one.share is None else plain(one.share * 100),
        "worth": plain(one.worth),
        "price": plain(one.price),
        "correctable": plain(one.correctable),
        "causes": {name: plain(amount) for name, amount in one.causes},
        "unknown": one.unknown,
    }
