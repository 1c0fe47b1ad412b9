"""`vfx-finder listen`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `listen` to the command line."""
