"""`vfx-finder synth`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `synth` to the command line."""
