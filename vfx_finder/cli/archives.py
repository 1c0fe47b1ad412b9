"""`vfx-finder archives`: the archives that studies are asked from."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from vfx_finder.cli._ledger import ledger
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.retrieval import ArchiveFacts, Method

console = Console(highlight=False, soft_wrap=True)
archives = typer.Typer(help="Archives that studies are asked from: add, list, echo, on, off.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The archive's name here.")]


def register(app: typer.Typer) -> None:
    """Add `archives` to the command line."""
    app.add_typer(archives, name="archives")


@archives.command()
def add(  # noqa: PLR0913, PLR0917 - options of a command
    name: Name,
    title: Annotated[str, typer.Option(help="Its AE title.")],
    host: Annotated[str, typer.Option(help="Its host name or address.")],
    port: Annotated[int, typer.Option(help="Its DICOM port.")],
    method: Annotated[Method, typer.Option(help="How it hands studies over.")] = Method.MOVE,
    per_hour: Annotated[int, typer.Option(help="Studies it is asked for in an hour, at most.")] = 60,
    hours: Annotated[
        str, typer.Option(help='When sweeps may ask it, local time, such as "20-6"; empty = always.')
    ] = "",
    tls: Annotated[bool, typer.Option(help="Speak TLS with it.")] = False,
    priors: Annotated[bool, typer.Option(help="Ask it for earlier studies of flagged patients.")] = False,
) -> None:
    """Add an archive, or change the one of this name."""
    facts = ArchiveFacts(
        name=name,
        AETitle=title,
        host=host,
        port=port,
        use_tls=tls,
        method=method,
        studies_per_hour=per_hour,
        hours=Hours.parse(hours) if hours else None,
        fetch_priors=priors,
    )
    with ledger():
        from vfx_finder.actions import retrieval
        from vfx_finder.ledger.models import Archive

        known = Archive.objects.filter(name=name).values_list("pk", flat=True).first()
        retrieval.keep_archive(facts, retrieval.COMMAND_LINE, datetime.now(UTC), known)
    console.print(f"{name} is {'changed' if known else 'added'}. Try it: vfx-finder archives echo {name}")


@archives.command("list")
def list_archives() -> None:
    """List the archives and what each answered last."""
    table = Table("name", "AE title", "address", "method", "an hour", "hours", "priors", "last answer")
    with ledger():
        from vfx_finder.ledger import retrieval

        for row in retrieval.archives():
            window = retrieval.hours_of(row)
            pace = str(row.studies_per_hour) if row.enabled else "off"
            priors = "yes" if row.fetch_priors else "no"
            address = f"{row.host}:{row.port}{' TLS' if row.use_tls else ''}"
            table.add_row(
                row.name, row.AETitle, address, row.method, pace, str(window or "always"), priors, _answer(row)
            )
    console.print(table)


@archives.command()
def echo(name: Name) -> None:
    """Try the line to an archive from this machine (C-ECHO); exit code 1 where it does not answer."""
    from vfx_finder.config import load

    with ledger():
        from pipelines.retrieval import asker_of
        from vfx_finder.spool import Spool

        archive_id, settings = number_of(name), load()
        words, well = asker_of(settings, Spool(settings.spool_dir)).echo(archive_id)
    console.print(words)
    if not well:
        raise typer.Exit(1)


@archives.command()
def on(name: Name) -> None:
    """Ask an archive again; its sweeps go on where they stopped."""
    with ledger():
        from vfx_finder.actions import retrieval

        retrieval.enable_archive(number_of(name), retrieval.COMMAND_LINE, datetime.now(UTC))
    console.print(f"{name} is asked again.")


@archives.command()
def off(name: Name) -> None:
    """Ask an archive for nothing more until it is switched on."""
    with ledger():
        from vfx_finder.actions import retrieval

        retrieval.disable_archive(number_of(name), retrieval.COMMAND_LINE, datetime.now(UTC))
    console.print(f"{name} is asked for nothing more.")


def number_of(name: str) -> int:
    """The archive of this name. Raises `WrongState` where there is none."""
    from vfx_finder.ledger.models import Archive

    found: int | None = Archive.objects.filter(name=name).values_list("pk", flat=True).first()
    if found is None:
        raise WrongState(f"There is no archive named {name}; see vfx-finder archives list.")
    return found


def _answer(row: object) -> str:
    tried, words = getattr(row, "last_tried_at", None), getattr(row, "last_answer", "")
    return f"{tried:%Y-%m-%d %H:%M} UTC: {words}" if tried else "never asked"
