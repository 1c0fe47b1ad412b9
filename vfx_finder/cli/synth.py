"""`vfx-finder synth`: synthetic CT studies with their answer key."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress


def register(app: typer.Typer) -> None:
    """Add `synth` to the command line."""

    @app.command()
    def synth(
        folder: Annotated[
            Path, typer.Argument(help="Where to write, one folder a study and its truth.json beside it.")
        ],
        studies: Annotated[
            int, typer.Option(help="How many random studies; 0 writes the six of the demonstration.")
        ] = 0,
        seed: Annotated[int, typer.Option(help="The same seed gives the same studies.")] = 1,
    ) -> None:
        """Write synthetic CT studies as DICOM, each with its answer key."""
        from models.synthesis.demo import write_demo_studies, write_random_studies

        with Progress(console=Console(stderr=True)) as bar:
            tasks: dict[str, object] = {}

            def tell(name: str, share: float) -> None:
                task = tasks.setdefault(name, bar.add_task(name, total=1.0))
                bar.update(task, completed=share)  # type: ignore[arg-type]

            paths = write_random_studies(folder, studies, seed, tell) if studies else write_demo_studies(folder, tell)
        Console().print(f"{len(paths)} synthetic studies in {folder}")
