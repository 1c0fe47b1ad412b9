"""`vfx-finder work`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `work` to the command line."""
