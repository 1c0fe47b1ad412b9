"""`vfx-finder learn-shapes`: the last part of `vfx-finder train ct_spine --export`, with the networks as they are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from vfx_finder.cli._shapes import COLUMNS, learnt_shapes


def register(app: typer.Typer) -> None:
    """Add `learn-shapes` to the command line."""

    @app.command("learn-shapes")
    def learn_shapes(
        folder: Annotated[
            Path, typer.Option(help="Keeps what was measured of each patient; a later call goes on there.")
        ] = Path("runs") / "ct_spine",
        version: Annotated[str, typer.Option(help="Version of the exported bundle.")] = "0.5.0+retrained",
        jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at the same time, one thread each.")] = 1,
    ) -> None:
        """Learn anew which shapes ct_spine calls broken, from synthetic patients, and write that into the bundle."""
        with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
            card = learnt_shapes(bar, folder, version, jobs)
        Console().print(f"Model card: {card}")
