"""`vfx-finder up`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `up` to the command line."""
