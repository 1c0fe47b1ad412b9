"""`vfx-finder analyse PATH...`: find, measure and grade the vertebrae of one or more studies."""

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.study import Reason, Unsuitable

if TYPE_CHECKING:
    from vfx_finder.cli._inputs import Input
    from vfx_finder.domain.finding import Analysis

_NO_IMAGE = frozenset({Reason.NO_IMAGES, Reason.UNREADABLE})

FILMS_HINT = "Lateral X-ray films are read with --films (research)."


def register(app: typer.Typer) -> None:
    """Add `analyse` to the command line."""
    app.command()(analyse)


def analyse(
    paths: Annotated[
        list[Path], typer.Argument(help="DICOM files, folders of them, NIfTI files; with --films also PNG or JPEG.")
    ],
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="Write the result here: a file that ends in .json, or a folder, as it must be for several results.",
            metavar="FILE",
        ),
    ] = None,
    films: Annotated[
        bool, typer.Option("--films", help="Read lateral X-ray films as well: research, suspected or not, no grade.")
    ] = False,
    scouts: Annotated[
        bool, typer.Option("--scouts", help="With --films: read the scout views of a CT whose slices cannot be used.")
    ] = False,
) -> None:
    """Find, measure and grade the vertebrae of CT studies. Research software.

    Lateral X-ray films (DICOM, PNG or JPEG) are read only with --films.

    Ends with exit code 2 if any of the paths holds no image that can be read; its result then says why.
    """
    from vfx_finder.cli._inputs import inputs_of

    absent = [path for path in paths if not path.exists()]
    if absent:
        raise Unreadable(f"There is no file or folder {absent[0]}.")
    with Console(stderr=True).status("Looking at the files"):
        inputs = inputs_of(paths)
    into = _Results(json, is_folder=len(paths) > 1 or len(inputs) > 1 or bool(json and _is_folder(json)))
    shelf = _Shelf(films)
    failed = [item for item in inputs if not _one(item, shelf, into, scouts=scouts)]
    if failed:
        raise typer.Exit(2)


def _is_folder(target: Path) -> bool:
    """Whether results go into this path: it is a folder, or is not there and has no file's ending."""
    return target.is_dir() or not (target.exists() or target.suffix)


class _Shelf:
    """The networks, each loaded when the first study needs it: torch takes seconds to import."""

    def __init__(self, films: bool) -> None:
        self._films = films

    def hint(self, item: "Input", why: "Unsuitable | None") -> str:
        """What would have read a film that was given without asking for films; else nothing."""
        from pipelines.steps.film_image import is_picture

        if self._films or why is None:
            return ""
        is_film = why.reason is Reason.NO_XRAY_MODEL
        return FILMS_HINT if is_film or any(is_picture(file) for file in item.files) else ""

    @cached_property
    def ct_spine(self) -> Any:
        """The CT network."""
        from models import catalogue

        return catalogue.load().ct_spine

    @cached_property
    def xray_spine(self) -> Any:
        """The networks for films, if they were asked for; what cannot be decoded is told without loading them."""

        def load() -> Any:
            from models import catalogue

            return catalogue.load_films()

        return _WhenAsked(load) if self._films else None


class _WhenAsked:
    """Stands for what `load` gives, and loads it when something of it is first asked for."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = cache(load)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)


class _Results:
    """Where JSON documents go: nowhere, into one file, or into a folder."""

    def __init__(self, target: Path | None, *, is_folder: bool) -> None:
        self._target, self._is_folder = target, is_folder

    def keep(self, analysis: "Analysis", name: str) -> None:
        """Write this analysis to the file asked for, or to NAME.json in the folder asked for."""
        from pipelines.analysis_json import write_json

        if self._target is None:
            return
        path = self._target / f"{name}.json" if self._is_folder else self._target
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(analysis, path)
        except OSError as error:
            raise Unreadable(f"The result cannot be written to {path}: {error.strerror}.") from error


def _one(item: "Input", shelf: _Shelf, into: _Results, *, scouts: bool) -> bool:
    """Analyse one input and show it; false if it holds no image at all."""
    from pipelines import study
    from vfx_finder.cli import _findings_table
    from vfx_finder.cli._operating_point import chosen, on_films
    from vfx_finder.config import load

    console, errors = Console(), Console(stderr=True)
    options = study.Options(operating_point=chosen(load()), on_films=on_films(), scouts=scouts)
    with errors.status(f"{item.name}: reading") as status:

        def show(step: str, share: float) -> None:
            status.update(f"{item.name}: {step} ({share:.0%} done)")

        analysis = study.analyse(item.files, shelf, options, show)
    into.keep(analysis, item.name)
    why, hint = analysis.unsuitable, shelf.hint(item, analysis.unsuitable)
    if why and why.reason in _NO_IMAGE and not _has_series(analysis.series):
        errors.print(Text(f"{item.name}: {why.detail} {hint}".rstrip(), "red"), soft_wrap=True)
        return False
    console.print(_findings_table.rendered(item.name, analysis), soft_wrap=True)
    if hint:
        console.print(Text(hint, "yellow"), soft_wrap=True)
    return True


def _has_series(verdicts: Sequence[Any]) -> bool:
    """Whether at least one readable series was there."""
    return any(verdict.SeriesInstanceUID for verdict in verdicts)
