"""`vfx-finder up`: the whole system on one machine in one command."""

import typer
from rich.console import Console

from vfx_finder.config import Settings, load

console = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add `up` to the command line."""
    app.command()(up)


def up() -> None:
    """Run database, listener, worker and pages until Ctrl-C. Settings: every VFX_ variable, see the README."""
    from vfx_finder.cli._system import running_system, web_address

    settings = load()
    with console.status("Starting ...") as waiting, running_system(settings) as supervisor:
        if supervisor.wait_until_ready():
            waiting.stop()
            _say_where(settings, web_address(settings))
            supervisor.run()
    console.print("Stopped.")


def _say_where(settings: Settings, address: str) -> None:
    from vfx_finder.accounts.models import User

    console.print(f"DICOM: {settings.dicom_host}:{settings.dicom_port}, AE title {settings.ae_title}")
    console.print(f"Data and logs: {settings.home}")
    if not User.objects.exists():
        console.print("Nobody can sign in yet: vfx-finder users add NAME --role radiologist | nurse | operator")
    console.print(f"Open [bold]{address}[/bold] (Ctrl-C stops everything)")
