"""``notify``: what the operator is told of, and where; and whether it gets there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Annotated

import typer

from bot.cli.common import BAD_SETTINGS, FAILED, complain, out, print_json, settings_with_log
from bot.cli.tables import table
from bot.domain.events import EventKind
from bot.reporting.notify import AppriseChannel, Message, chosen_kinds, make_channels
from bot.settings.env import Environment

app = typer.Typer(invoke_without_command=True)

#: Seconds that all channels together may take for the test message.
_TEST_WITHIN_S = 30.0

_MEANINGS: dict[EventKind, str] = {
    EventKind.STARTED: "the bot runs; which accounts are not connected",
    EventKind.STOPPED: "the bot ends",
    EventKind.ENGINE_STOPPED: "the copy engine stands still, or runs again",
    EventKind.ACCOUNT_LOST: "an account cannot trade for a minute or longer",
    EventKind.ACCOUNT_BACK: "an account that was lost trades again",
    EventKind.COPY_FAILED: "copies of a signal failed; a trade that nobody follows",
    EventKind.UNKNOWN_OUTCOME: "not known whether an order was placed",
    EventKind.DRIFT: "a user holds something else than the copies should have left",
    EventKind.KILL_SWITCH: "kill switch or observe mode on or off",
    EventKind.NOT_WATCHED: "what a master trades by hand is not heard of, or is again",
    EventKind.LEDGER_FAILED: "the ledger cannot be written, or can be again",
    EventKind.AUDIT_FAILED: "the audit log cannot be written; trading goes on",
    EventKind.CONFIG_CHANGED: "users or settings were changed",
    EventKind.COMMAND: "somebody gave a command",
    EventKind.LOGIN: "somebody logged in at the page, or tried to",
    EventKind.DAILY_SUMMARY: "the day in a few lines",
}


@app.callback()
def notify(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False
) -> None:
    """What the bot tells by itself, and where: [bold]NOTIFY_URLS[/bold], [bold]NOTIFY_EVENTS[/bold]."""
    if context.invoked_subcommand is not None:
        return
    environment, channels = _set_up()
    kinds = chosen_kinds(environment.notify_events)
    if as_json:
        print_json(
            {
                "events": {kind: kind in kinds for kind in EventKind},
                "summary_at": environment.notify_summary_at,
                "channels": [
                    {"channel": one.label, "service": one.shown, "usable": one.usable, "targets": one.targets}
                    for one in channels
                ],
            }
        )
        return
    rows = [(kind.value, "yes" if kind in kinds else "no", _MEANINGS[kind]) for kind in EventKind]
    out.print(table("Events (NOTIFY_EVENTS)", ("event", "told", "when"), rows))
    out.print(f"daily summary at {environment.notify_summary_at} UTC (NOTIFY_SUMMARY_AT)")
    if not channels:
        out.print("no channel: nobody is told; set NOTIFY_URLS (see docs/notifications.md)")
        return
    out.print(table("Channels (NOTIFY_URLS)", ("channel", "service"), [(one.label, one.shown) for one in channels]))


@app.command("test")
def test() -> None:
    """Send a test message to every channel. Exit code 1 when one of them did not take it."""
    _, channels = _set_up()
    if not channels:
        complain("no channel: set NOTIFY_URLS (see docs/notifications.md)")
        raise typer.Exit(BAD_SETTINGS)
    answers = _send_to_all(channels, Message("🔔 NIJA: test", "This channel works: python bot.py notify test"))
    for channel in channels:
        reason = answers.get(channel.label, f"no answer within {_TEST_WITHIN_S:.0f} s")
        out.print(f"❌ {channel.label}: {reason}" if reason else f"✅ {channel.label}: sent", markup=False)
    if any(answers.get(channel.label, "hangs") for channel in channels):
        raise typer.Exit(FAILED)


def _set_up() -> tuple[Environment, list[AppriseChannel]]:
    settings, _ = settings_with_log()
    return settings.environment, make_channels(settings.environment.notify_urls)


def _send_to_all(channels: Sequence[AppriseChannel], message: Message) -> dict[str, str]:
    """Why each channel that answered did not take it, by label; empty where it did."""
    answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for channel in channels:

        def send(one: AppriseChannel = channel) -> None:
            answers.put((one.label, one.send(message)))

        # One that hangs keeps neither the others nor the end.
        threading.Thread(target=send, name=f"notify {channel.label}", daemon=True).start()
    found: dict[str, str] = {}
    deadline = monotonic() + _TEST_WITHIN_S
    while len(found) < len(channels):
        try:
            label, reason = answers.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            break
        found[label] = reason
    return found
