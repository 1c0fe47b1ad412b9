"""`vfx-finder up`: the whole system on one machine in one command."""

import typer
from rich.console import Console

from vfx_finder.config import load

console = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add `up` to the command line."""
    app.command()(up)


def up() -> None:
    """Run database, listener, worker and pages until Ctrl-C. Settings: every VFX_ variable, see the README."""
    from vfx_finder.cli._system import running_system, web_address

    settings = load()
    with console.status("Starting ..."), running_system(settings) as supervisor:
        supervisor.wait_until_ready()
        console.print(
            f"Listening for DICOM at {settings.dicom_host}:{settings.dicom_port}, AE title {settings.ae_title}"
        )
        console.print(f"Data and logs in {settings.home}")
        console.print(f"Open [bold]{web_address(settings)}[/bold]   Ctrl-C stops everything")
        _say_who_can_sign_in()
        supervisor.run()
    console.print("Stopped.")


def _say_who_can_sign_in() -> None:
    from vfx_finder.accounts.models import User

    if not User.objects.exists():
        console.print("Nobody can sign in yet: vfx-finder users add NAME --role radiologist | nurse | operator")
