"""`vfx-finder evaluate`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `evaluate` to the command line."""
