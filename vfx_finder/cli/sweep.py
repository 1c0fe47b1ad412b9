"""`vfx-finder sweep` and `vfx-finder sweeps`: case-finding over an archive's past. The worker does the asking."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from vfx_finder.cli._ledger import ledger
from vfx_finder.cli.archives import number_of
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.retrieval import AskedState, SweepState

if TYPE_CHECKING:
    from vfx_finder.ledger.retrieval import Progress

console = Console(highlight=False, soft_wrap=True)
sweeps = typer.Typer(help="Sweeps: list, pause, resume, cancel, failed, again.", no_args_is_help=True)

LOOK_EVERY = 2.0
ALIVE = timedelta(seconds=60)
DAY_FORMAT = ["%Y-%m-%d"]

Number = Annotated[int, typer.Argument(help="The number of the sweep, as `sweeps list` has it.")]


def register(app: typer.Typer) -> None:
    """Add `sweep` and `sweeps` to the command line."""
    app.command()(sweep)
    app.add_typer(sweeps, name="sweeps")


def sweep(
    archive: Annotated[str, typer.Option(help="The archive's name, as `archives list` has it.")],
    first: Annotated[datetime, typer.Option("--from", formats=DAY_FORMAT, help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY_FORMAT, help="The last day.")],
    modality: Annotated[str, typer.Option(help="Studies that hold this modality.")] = "CT",
    description: Annotated[str, typer.Option(help="Study description, with * and ?; empty = any.")] = "",
    watch: Annotated[bool, typer.Option(help="Show the progress until it is done; Ctrl-C ends the view only.")] = True,
) -> None:
    """Have every study of these days listed, asked for at the archive's pace, and analysed."""
    with ledger():
        from vfx_finder.actions import retrieval

        days = (first.date(), last.date())
        started = retrieval.start_sweep(
            number_of(archive),
            days,
            retrieval.COMMAND_LINE,
            datetime.now(UTC),
            modality=modality,
            description=description,
        )
        console.print(f"Sweep {started.pk} over {_days(*days)} of {archive} has begun.")
        _warn_without_worker()
        if watch:
            _watch(started.pk)


@sweeps.command("list")
def list_sweeps() -> None:
    """List every sweep and how far it has come."""
    with ledger():
        from vfx_finder.ledger import retrieval

        console.print(_table(retrieval.progress(retrieval.sweeps())))


@sweeps.command()
def watch(number: Number) -> None:
    """Show the progress of a sweep until it is done; Ctrl-C ends the view only."""
    with ledger():
        _warn_without_worker()
        _watch(number)


@sweeps.command()
def pause(number: Number) -> None:
    """Ask for nothing more for now; a study that is on its way still comes."""
    with ledger():
        from vfx_finder.actions import retrieval

        retrieval.pause_sweep(number, retrieval.COMMAND_LINE, datetime.now(UTC))
    console.print(f"Sweep {number} is paused.")


@sweeps.command()
def resume(number: Number) -> None:
    """Go on where it stopped."""
    with ledger():
        from vfx_finder.actions import retrieval

        retrieval.resume_sweep(number, retrieval.COMMAND_LINE, datetime.now(UTC))
        _warn_without_worker()
    console.print(f"Sweep {number} goes on.")


@sweeps.command()
def cancel(number: Number) -> None:
    """End it; what has been received stays."""
    with ledger():
        from vfx_finder.actions import retrieval

        retrieval.cancel_sweep(number, retrieval.COMMAND_LINE, datetime.now(UTC))
    console.print(f"Sweep {number} is cancelled.")


@sweeps.command()
def failed(number: Number) -> None:
    """List the studies of a sweep that failed, each with its reason."""
    table = Table("study date", "StudyInstanceUID", "attempts", "reason")
    with ledger():
        from vfx_finder.ledger import retrieval

        for row in retrieval.not_received(number):
            table.add_row(row.StudyDate, row.StudyInstanceUID, str(row.attempts), row.reason)
    console.print(table)


@sweeps.command()
def again(number: Number) -> None:
    """Ask again for every study of a sweep that failed."""
    with ledger():
        from vfx_finder.actions import retrieval

        count = retrieval.ask_again(number, retrieval.COMMAND_LINE, datetime.now(UTC))
        _warn_without_worker()
    console.print(f"Studies asked for again: {count}.")


def _watch(number: int) -> None:
    """The progress, drawn anew until nothing moves any more or somebody has seen enough."""
    try:
        with Live(console=console, auto_refresh=False) as live:
            _draw(number, live)
    except KeyboardInterrupt:
        console.print(f"The sweep goes on in the worker. Look again: vfx-finder sweeps watch {number}")


def _draw(number: int, live: Live) -> None:
    from vfx_finder.ledger import retrieval

    is_running = True
    while is_running:
        progress = retrieval.progress_of(number)
        if progress is None:
            raise WrongState("There is no such sweep.")
        live.update(_table([progress]), refresh=True)
        is_running = progress.sweep.state == SweepState.RUNNING
        time.sleep(LOOK_EVERY if is_running else 0)


def _table(rows: "list[Progress]") -> Table:
    table = Table("no.", "archive", "days", "state", "days listed", "studies", "received", "here", "left out", "failed")
    table.add_column("still to ask")
    table.add_column("problem", overflow="fold")
    for one in rows:
        table.add_row(
            str(one.sweep.pk),
            one.sweep.archive.name,
            _days(one.sweep.first_day, one.sweep.last_day),
            one.sweep.state,
            f"{one.days_listed} of {one.days}",
            str(one.total),
            *(str(one.studies[state]) for state in (AskedState.RECEIVED, AskedState.HERE)),
            *(str(one.studies[state]) for state in (AskedState.LEFT_OUT, AskedState.FAILED)),
            f"{one.open}, about {_hours(one.left)}" if one.open else "0",
            one.sweep.problem,
        )
    return table


def _warn_without_worker() -> None:
    from vfx_finder.ledger import queries

    beat = queries.health().last_heartbeat_at
    if beat is None or datetime.now(UTC) - beat > ALIVE:
        console.print("[yellow]No worker runs, so nothing is asked yet: start vfx-finder up.[/yellow]")


def _days(first: date, last: date) -> str:
    return f"{first} to {last}"


def _hours(left: timedelta) -> str:
    minutes = round(left.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h of asking"
