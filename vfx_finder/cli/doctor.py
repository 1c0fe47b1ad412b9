"""`vfx-finder doctor`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `doctor` to the command line."""
