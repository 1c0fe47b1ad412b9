"""`vfx-finder train`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `train` to the command line."""
