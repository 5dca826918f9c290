"""``audit``: the record of every order, command, switch, login and change, shown and checked."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bot.app.auditing import LedgerComparison, audit_queries_of
from bot.app.folder import make_data_folder
from bot.audit.chain import AuditChain, append_now
from bot.audit.check import ChainCheck, Fault, whole_lines_end
from bot.audit.entries import AuditKind, Entry
from bot.audit.files import FOLDER_NAME, files_of, read_head
from bot.audit.pages import latest_entries
from bot.cli.common import FAILED, complain, err, out, print_json
from bot.cli.look import Json, Limit
from bot.cli.running import bot_is_running
from bot.cli.tables import table
from bot.domain.errors import LedgerUnavailable, SettingsError
from bot.ledger.entry import ledger_url
from bot.runtime.clock import SystemClock
from bot.settings.env import Settings, load_settings

#: What is done sooner needs no bar.
_PATIENCE_S = 2.0
#: Seconds that a running bot may take to write down what the ledger has.
_CATCHES_UP_WITHIN_S = 10.0
_LINES_AT_ONCE = 2000

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def group() -> None:
    """The audit log: who ordered, asked, changed and opened what. Safe while the bot runs."""


@app.command()
def show(
    limit: Limit = 20,
    kind: Annotated[AuditKind | None, typer.Option(help="Only entries of this kind.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only of this account: [bold]daivon_frazier:kraken[/bold].")
    ] = None,
    as_json: Json = False,
) -> None:
    """The latest entries, newest first."""

    def wanted(entry: Entry) -> bool:
        is_of_account = account is None or account in (entry.who, entry.detail.get("account"))
        return is_of_account and (kind is None or entry.kind is kind)

    folder = _folder(load_settings(keys=False))
    with _readable(folder):
        found = latest_entries(folder, limit, wanted=wanted)
    if as_json:
        print_json([entry.as_json() for entry in found])
        return
    rows = [(entry.number, entry.at[:19].replace("T", " "), entry.kind.value, entry.who, entry.what) for entry in found]
    out.print(table("Audit log", ("number", "time (UTC)", "kind", "who", "what"), rows, right=("number",)))


@app.command()
def verify(
    known: Annotated[
        str | None,
        typer.Option(
            help="An entry that was noted elsewhere, NUMBER:HASH as this command prints it: it must be there."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every line of the log, and that it says the same as the ledger. Exit code 1 when anything is wrong.

    Whoever may write the data folder could write the whole log anew. Keep the last number and hash that this command
    prints somewhere else, and give them to it later.
    """
    settings = load_settings(keys=False)
    folder = _folder(settings)
    wanted = _known(known)
    with _readable(folder):
        report = _verified(settings, folder, wanted)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if report["problems"]:
        raise typer.Exit(FAILED)


def write_down(data_dir: Path, kind: AuditKind, what: str, **detail: object) -> bool:
    """Write what a command did into the log; whether that could be done. Where it could not, a line says so: what was
    done stays done."""
    make_data_folder(data_dir)
    try:
        append_now(data_dir, SystemClock(), kind, getpass.getuser(), what, **detail)
    except OSError as error:
        complain(f"done, but the audit log cannot be written: {error.strerror or error}")
        return False
    return True


def _verified(settings: Settings, folder: Path, known: tuple[int, str] | None) -> dict[str, Any]:
    comparison, hashes = LedgerComparison(), dict[int, str]()

    def take(entry: Entry) -> None:
        comparison.take(entry)
        if known is not None and entry.number == known[0]:
            hashes[entry.number] = entry.hash

    with _bar() as bar:
        up_to = _written_so_far(settings)
        if up_to is not None and bot_is_running(settings):
            _wait_for_the_bot(folder, up_to)
        with AuditChain(folder, SystemClock()).turn():
            check = ChainCheck(folder, take, whole_lines_end(folder))
        size = sum(path.stat().st_size for path in files_of(folder))
        while not check.advance(_LINES_AT_ONCE):
            bar("checking the chain", check.bytes_read, size)
        check.finish()
        faults = list(check.faults)
        if known is not None and hashes.get(known[0]) != known[1]:
            faults.append(Fault(f"entry {known[0]}", "it is not the one that was noted, or is not there"))
        faults += _compared(settings, comparison, up_to, bar)
    return {
        "intact": not faults,
        "entries": check.entries,
        "last": {"number": check.number, "hash": check.hash},
        "compared_with_ledger": comparison.compared,
        "problems": [{"where": fault.where, "what": fault.what} for fault in faults],
        "remarks": check.remarks,
    }


def _written_so_far(settings: Settings) -> int | None:
    """Number of the last event that the ledger has now; None where there is no ledger."""
    try:
        with audit_queries_of(_place(settings)) as queries:
            return queries.audit_mark().event
    except LedgerUnavailable:
        return None


def _wait_for_the_bot(folder: Path, up_to: int) -> None:
    """A running bot writes the log a moment after the ledger."""
    deadline = time.monotonic() + _CATCHES_UP_WITHIN_S
    while time.monotonic() < deadline:
        last = latest_entries(folder, 1, wanted=lambda entry: "event" in entry.detail)
        if up_to == 0 or (last and last[0].detail["event"] >= up_to):
            return
        # Another process's file brings no event with it.
        time.sleep(0.2)


def _compared(
    settings: Settings, comparison: LedgerComparison, up_to: int | None, bar: Callable[[str, int, int], None]
) -> list[Fault]:
    if up_to is None and not comparison.event:
        return []
    try:
        with audit_queries_of(_place(settings)) as queries:
            total = up_to or 0
            found = comparison.compare(queries, total, lambda rows: bar("comparing with the ledger", rows, total))
            return _gathered(list(found), comparison.event)
    except LedgerUnavailable as error:
        return [Fault("the ledger", f"it cannot be compared: {error}")]


def _gathered(faults: list[Fault], last: int) -> list[Fault]:
    """Many events that are lacking at the end are one fault: the log stops there."""
    lacking = [fault for fault in faults if "lacks it" in fault.what and fault.where.startswith("event ")]
    behind = [fault for fault in lacking if fault.where.endswith(")") and int(fault.where.split()[1]) > last]
    if len(behind) < 2:
        return faults
    text = (
        f"the log ends at event {last}, the ledger has {len(behind)} more: its end was cut off, or the bot was killed; "
        "it writes them at its next start"
    )
    return [fault for fault in faults if fault not in behind] + [Fault("the end", text)]


def _show(report: dict[str, Any]) -> None:
    for remark in report["remarks"]:
        out.print(f"it says itself: {remark}", markup=False, highlight=False, soft_wrap=True)
    for problem in report["problems"]:
        complain(f"{problem['where']}: {problem['what']}")
    size = f"{report['entries']} entries, {report['compared_with_ledger']} events of the ledger compared"
    if report["problems"]:
        complain(f"the audit log is NOT intact: {size}")
        return
    out.print(f"✅ the audit log is intact: {size}", markup=False, highlight=False, soft_wrap=True)
    if report["entries"]:
        last = report["last"]
        out.print(f"keep this elsewhere: --known {last['number']}:{last['hash']}", highlight=False, soft_wrap=True)


def _known(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise SettingsError(f"--known takes NUMBER:HASH as audit verify prints it, was {text!r}")
    return int(number), digest


def _folder(settings: Settings) -> Path:
    folder = settings.environment.nija_data_dir / FOLDER_NAME
    if not files_of(folder) and read_head(folder) is None:
        complain(f"there is no audit log yet at {folder}: start the bot once, or set NIJA_DATA_DIR")
        raise typer.Exit(FAILED)
    return folder


def _place(settings: Settings) -> str:
    return ledger_url(settings.environment.ledger_url, settings.environment.nija_data_dir)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        complain(f"the audit log {folder} cannot be read: {error.strerror or error}")
        raise typer.Exit(FAILED) from None


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    begun = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    # Without a terminal even a bar that never began would end with an empty line.
    progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    task = progress.add_task("checking", total=None)

    def report(what: str, done: int, total: int) -> None:
        progress.update(task, description=what, completed=done, total=total or None)
        if time.monotonic() - begun > _PATIENCE_S:
            progress.start()

    try:
        yield report
    finally:
        progress.stop()
