"""`vfx-finder web`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `web` to the command line."""
