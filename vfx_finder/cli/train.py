"""`vfx-finder train`: make the weights of a bundle from nothing, from synthetic images alone."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from vfx_finder.cli._shapes import COLUMNS, UNLEARNT, learnt_shapes, retrained

SHAPE_JOBS = 2
"""Processes that measure patients for the shapes: networks train on as many cores."""


def register(app: typer.Typer) -> None:
    """Add `train` to the command line."""

    @app.command()
    def train(
        bundle: Annotated[str, typer.Argument(help="Which bundle: ct_spine or xray_spine.")] = "ct_spine",
        folder: Annotated[
            Path | None,
            typer.Option(help="Checkpoints and curves, runs/BUNDLE if not given; a later call goes on there."),
        ] = None,
        steps: Annotated[int | None, typer.Option(help="Steps per network instead of the plan's own.")] = None,
        minutes: Annotated[float, typer.Option(help="Stop each network after this many minutes.")] = 24 * 60,
        export: Annotated[bool, typer.Option(help="Write the weights into the bundle when done.")] = False,
        version: Annotated[str | None, typer.Option(help="Version of the bundle; if not given, NOW+retrained.")] = None,
    ) -> None:
        """Train a bundle's networks on synthetic images; resumes, saves every two minutes, logs its curve."""
        from models.training import export as exporting
        from models.training import train as training

        if bundle not in exporting.PARTS:
            raise typer.BadParameter(f"there is no bundle called {bundle}; there are {' and '.join(exporting.PARTS)}.")
        named = version or retrained(bundle)
        into = folder or Path("runs") / bundle

        with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
            for plan in (training.PLANS[kind] for kind in exporting.PARTS[bundle]):
                chosen = plan if steps is None else replace(plan, steps=steps)
                task = bar.add_task(f"{plan.kind} network", total=chosen.steps)

                def tell(step: int, loss: float, task: object = task, kind: str = plan.kind) -> None:
                    bar.update(task, completed=step, description=f"{kind} network, loss {loss:.3f}")  # type: ignore[arg-type]

                training.train(chosen, into, tell, minutes * 60)
            if not export:
                return
            pending = f"{named}{UNLEARNT}" if bundle == "ct_spine" else named
            card = exporting.export(into, bundle, pending)
            if bundle == "ct_spine":
                card = learnt_shapes(bar, into, named, SHAPE_JOBS)
        Console().print(f"Model card: {card}")
