"""`vfx-finder synth`: synthetic CT studies and films with their answer key, for demonstration and for validation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress


def _progress() -> Progress:
    """A bar for who looks on; a file or a pipe gets none, where every step would be a line."""
    watched = Console(stderr=True)
    return Progress(console=watched, disable=not watched.is_terminal)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _no_more_than(there_are: int, wanted: int, what: str) -> None:
    """A frozen set has an end: whoever asks for more would get others than everyone else."""
    if wanted > there_are:
        raise typer.BadParameter(f"The frozen set has {there_are} {what}, and {wanted} were asked for.")


def _write_validation_set(folder: Path, patients: int) -> None:
    """Write the first `patients` patients of the frozen set (0: all); those that are there already are kept."""
    from models.synthesis.validation import STUDIES, patient, write_patient

    _no_more_than(STUDIES, patients, "patients")
    folder.mkdir(parents=True, exist_ok=True)
    with _progress() as bar:
        for number in bar.track(range(1, (patients or STUDIES) + 1), description="validation patients"):
            one = patient(number)
            names = [folder / f"{number:04d}-{scan.name}.truth.json" for scan in one.acquisitions]
            if not all(name.exists() for name in names):
                write_patient(one, folder)
    scans = [file.name for file in folder.glob("*.truth.json")]
    there = len({name.partition("-")[0] for name in scans})
    words = f"{_counted(there, 'synthetic patient')}, {_counted(len(scans), 'scan')} in {folder}"
    Console().print(words, soft_wrap=True)


def _write_frozen_films(folder: Path, films: int) -> None:
    """Write the first `films` films of the frozen set (0: all); those that are there already are kept."""
    from models.synthesis.film_validation import FILMS, write_films

    _no_more_than(FILMS, films, "films")
    with _progress() as bar:
        annotations = write_films(bar.track(range(1, (films or FILMS) + 1), description="lateral films"), folder)
    written = len(list((folder / "images").glob("*.png")))
    Console().print(
        f"{_counted(written, 'synthetic lateral film')} in {folder}, corners and grades in {annotations.name}"
    )


def register(app: typer.Typer) -> None:
    """Add `synth` to the command line."""

    @app.command()
    def synth(
        folder: Annotated[
            Path, typer.Argument(help="Where to write: a folder a study, a file an image, and what is true beside it.")
        ],
        studies: Annotated[
            int,
            typer.Option(
                help="How many random studies (0: the demonstration's six); of a frozen set, the first (0: all)."
            ),
        ] = 0,
        seed: Annotated[
            int | None,
            typer.Option(help="The same seed gives the same random studies (1 if not given); frozen sets have theirs."),
        ] = None,
        validation: Annotated[
            bool, typer.Option("--validation", help="The frozen validation set as NIfTI, for `vfx-finder evaluate`.")
        ] = False,
        films: Annotated[
            bool, typer.Option("--films", help="The frozen set of lateral films as PNG, for `vfx-finder evaluate`.")
        ] = False,
    ) -> None:
        """Write synthetic CT studies as DICOM, each with its answer key, or a frozen set for `vfx-finder evaluate`:
        CTs as NIfTI, or lateral films as PNG. A frozen set that was begun is taken up where it stood."""
        if studies < 0:
            raise typer.BadParameter(f"{studies} studies cannot be written: --studies takes 0 or more.")
        if validation and films:
            raise typer.BadParameter("Each frozen set wants a folder of its own: --validation or --films.")
        if seed is not None and (validation or films or not studies):
            raise typer.BadParameter("--seed is for random studies (--studies N): the other sets are always the same.")
        if validation or films:
            (_write_frozen_films if films else _write_validation_set)(folder, studies)
            return
        from models.synthesis.demo import write_demo_studies, write_random_studies

        with _progress() as bar:
            tasks: dict[str, object] = {}

            def tell(name: str, share: float) -> None:
                task = tasks.setdefault(name, bar.add_task(name, total=1.0))
                bar.update(task, completed=share)  # type: ignore[arg-type]

            paths = (
                write_random_studies(folder, studies, 1 if seed is None else seed, tell)
                if studies
                else write_demo_studies(folder, tell)
            )
        count = "1 synthetic study" if len(paths) == 1 else f"{len(paths)} synthetic studies"
        Console().print(
            f"{count} in {folder}, as DICOM for `vfx-finder analyse`; `vfx-finder evaluate` takes what "
            "`synth --validation` or `synth --films` writes.",
            soft_wrap=True,
        )
