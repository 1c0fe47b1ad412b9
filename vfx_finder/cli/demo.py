"""`vfx-finder demo`: the whole system with six made-up patients, sent to it as a PACS would."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from vfx_finder.config import Settings, load
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.roles import Role

if TYPE_CHECKING:
    from vfx_finder.cli._supervisor import Supervisor

console = Console(highlight=False, soft_wrap=True)

SETTLE_SECONDS = 5.0
STALLED_SECONDS = 15.0
CALLING = "DEMO_PACS"
ROLES = (Role.RADIOLOGIST, Role.NURSE, Role.OPERATOR)
UNFINISHED = (CaseState.RECEIVING, CaseState.SETTLED)
STUDIES = 6
MARK = "made-by-demo"
"""A file that says a data directory may be emptied by the next demo."""

Tell = Callable[[float, float], None]
"""Told how much is done, and of how much."""

ExitWhenReady = Annotated[bool, typer.Option("--exit-when-ready", help="Stop once all six are analysed (for tests).")]


def register(app: typer.Typer) -> None:
    """Add `demo` to the command line."""
    app.command()(demo)


def demo(exit_when_ready: ExitWhenReady = False) -> None:
    """Run everything on free ports of this machine, send six synthetic patients by DICOM, and say where to look."""
    from vfx_finder.cli._system import running_system, use, web_address

    settings = _settings()
    use(settings)
    _begin_anew(settings)
    with running_system(settings) as supervisor:
        passwords = _add_accounts()
        _bring_six_patients(settings, supervisor)
        console.print(_what_came())
        for role, password in passwords.items():
            console.print(f"Sign in as [bold]{role}[/bold] with [bold]{password}[/bold]")
        sender = (
            f"dcmsend -aet {CALLING} -aec {settings.ae_title} {settings.dicom_host} {settings.dicom_port} +sd +r FOLDER"
        )
        console.print(f"Send your own DICOM files with: {sender}", soft_wrap=True, highlight=False)
        console.print("Research software. Ctrl-C stops everything.")
        console.print(f"Open [bold]{web_address(settings)}[/bold]")
        if not exit_when_ready:
            supervisor.run()


def _settings() -> Settings:
    """The demo's own data directory below the usual one, free ports of loopback, short waits."""
    from vfx_finder.cli._system import free_ports

    base = load()
    web_port, dicom_port = free_ports(2)
    return Settings(
        data_dir=base.home / "demo",
        web_host="127.0.0.1",
        web_port=web_port,
        dicom_host="127.0.0.1",
        dicom_port=dicom_port,
        accepted_calling_ae_titles=(CALLING,),
        settle_seconds=SETTLE_SECONDS,
        stalled_seconds=STALLED_SECONDS,
        database_url=None,
    )


def _begin_anew(settings: Settings) -> None:
    """Empty the last demo's data directory; never one that no demo made."""
    from vfx_finder.cli._system import wipe

    mark = settings.home / MARK
    if settings.home.exists():
        if not mark.exists() and any(settings.home.iterdir()):
            raise Broken(f"{settings.home} was not made by a demo; it is left alone.")
        wipe(settings)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _add_accounts() -> dict[Role, str]:
    """One account a role, named by it, with a password of this demo only."""
    from vfx_finder.actions import accounts

    passwords = {role: f"demo-{secrets.token_hex(4)}" for role in ROLES}
    for role, password in passwords.items():
        accounts.add(role.value, role, password, datetime.now(UTC), full_name=f"Demo {role.value.capitalize()}")
    return passwords


def _bring_six_patients(settings: Settings, supervisor: "Supervisor") -> None:
    from models.synthesis.demo import write_demo_studies

    with _progress() as progress:
        with _step(progress, supervisor, "Making six synthetic patients") as tell:
            folders = write_demo_studies(settings.home / "made-up", _told_by_name(tell))
        with _step(progress, supervisor, "Starting listener, worker and pages"):
            supervisor.wait_until_ready()
        with _step(progress, supervisor, "Sending them by DICOM") as tell:
            _send(folders, settings, tell)
        with _step(progress, supervisor, "Analysing") as tell:
            _wait_until_analysed(len(folders), supervisor, tell)


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


@contextmanager
def _step(progress: Progress, supervisor: "Supervisor", name: str) -> Iterator[Tell]:
    """One line of the progress display; yields what is told (done, total). Ends the demo when asked to stop."""
    line = progress.add_task(name, total=None)

    def tell(done: float, total: float) -> None:
        progress.update(line, completed=done, total=total)
        if supervisor.stop.is_set():
            raise typer.Exit

    yield tell
    progress.update(line, completed=1, total=1)
    if supervisor.stop.is_set():
        raise typer.Exit


def _told_by_name(tell: Tell) -> Callable[[str, float], None]:
    """A progress that hears of one study after the other, by name and share, as one progress over all of them."""
    names: list[str] = []

    def hear(name: str, share: float) -> None:
        if name not in names:
            names.append(name)
        tell(len(names) - 1 + share, STUDIES)

    return hear


def _send(folders: list[Path], settings: Settings, tell: Tell) -> None:
    """Send each study over an association of its own, as a PACS does. Raises `Broken` where an image is refused."""
    from dicom_listener import emulator

    for number, folder in enumerate(folders):
        images = emulator.images_under(folder)
        report = emulator.send(images, settings.dicom_host, settings.dicom_port, CALLING, settings.ae_title)
        if report.refused:
            raise Broken(f"The listener refused {len(report.refused)} of {len(images)} images.")
        tell(number + 1, len(folders))


def _wait_until_analysed(studies: int, supervisor: "Supervisor", tell: Tell) -> None:
    """Return when this many studies have their answer."""
    from vfx_finder.ledger import queries

    finished = 0
    while finished < studies:
        supervisor.look()
        counts = queries.counts_by_state()
        finished = sum(count for state, count in counts.items() if state not in UNFINISHED)
        tell(finished, studies)
        supervisor.stop.wait(0.5)


def _what_came() -> Table:
    from vfx_finder.ledger import queries

    table = Table("patient", "images", "where it is now", "highest grade", title="Six synthetic patients")
    for case in reversed(queries.studies()):
        grade = "" if case.max_grade is None else str(case.max_grade)
        where = f"{case.state} ({case.reason})" if case.reason else case.state
        table.add_row(case.PatientName, str(case.instance_count), where, grade)
    return table
