"""`vfx-finder learn-shapes`: the last part of `vfx-finder train ct_spine --export`, with the networks as they are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from vfx_finder.cli._shapes import COLUMNS, learnt_shapes, retrained


def register(app: typer.Typer) -> None:
    """Add `learn-shapes` to the command line."""

    @app.command("learn-shapes")
    def learn_shapes(
        folder: Annotated[
            Path,
            typer.Option(help="Keeps what is measured of each patient, as `vfx-finder train` does."),
        ] = Path("runs") / "ct_spine",
        version: Annotated[str | None, typer.Option(help="Version of the bundle; if not given, NOW+retrained.")] = None,
        jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at the same time, one thread each.")] = 1,
    ) -> None:
        """Learn anew which shapes ct_spine calls broken, with its networks as they are: the last part of
        `vfx-finder train ct_spine --export`.

        Eight hundred and fifty synthetic patients are drawn and measured, some ten seconds each. Then the installed
        bundle is written: its trees, and its card without operating points, which must be measured again
        (`vfx-finder evaluate`).
        """
        with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
            card = learnt_shapes(bar, folder, version or retrained("ct_spine"), jobs)
        Console().print(f"Model card: {card}")
