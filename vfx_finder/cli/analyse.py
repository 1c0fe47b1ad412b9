"""`vfx-finder analyse`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `analyse` to the command line."""
