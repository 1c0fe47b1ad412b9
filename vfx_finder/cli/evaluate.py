"""`vfx-finder evaluate`: how good the answers are on labelled data, in numbers with intervals."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vfx_finder.cli._cts import Cts, show_cts, write_cts
from vfx_finder.cli._films import FILM_BUNDLES, Films, film_analyser, films_in, show_films, write_films, write_numbers

if TYPE_CHECKING:
    from pipelines.evaluation.journal import Version
    from pipelines.evaluation.origin import Origin
    from pipelines.evaluation.record import Analyser
    from pipelines.evaluation.run import Plan, Told

Paths = Annotated[
    list[Path],
    typer.Argument(help="CTs with expert masks, masks with grades, synthetic images with truth, films, or folders."),
]
Into = Annotated[
    Path | None,
    typer.Option("--into", help="Keep each result, the numbers and the page in this folder; take up what is there."),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that analyse at the same time, one thread each.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file as well.")]
MasksOnly = Annotated[bool, typer.Option("--masks-only", help="Judge masks alone: no network is run.")]
EveryTable = Annotated[bool, typer.Option("--tables", help="Print every table: also by level, part, grade and body.")]

CT_BUNDLES = ("ct_spine",)
"""The models that read CTs."""

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def register(app: typer.Typer) -> None:
    """Add `evaluate` to the command line."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    paths: Paths,
    into: Into = None,
    jobs: Jobs = 1,
    json_file: JsonFile = None,
    masks_only: MasksOnly = False,
    every_table: EveryTable = False,
) -> None:
    """Measure how well vertebrae are found, numbered, measured and graded. Research software.

    CTs named *_ct.nii.gz are held against the expert mask beside them (*_seg-vert_msk.nii.gz), synthetic images
    NAME.nii.gz against NAME.truth.json. Masks with published Genant grades (labels/verse_genant.csv above them) show
    what measuring and grading are worth without a network. Each file that is not evaluated is listed with its reason.

    Lateral films are held against named corners in the COCO layout (annotations.json), read by the research model, and
    have a page and numbers of their own. Synthetic ones are written by `vfx-finder synth FOLDER --films`.

    With --into FOLDER the run can be ended at any time: the same command takes it up again.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    from pipelines.evaluation.run import Plan

    console, annotations = Console(), [] if masks_only else films_in(paths)
    of_films = Plan(film_analyser, into, jobs, _film_version())
    of_cts = Plan(None if masks_only else analyser, into, jobs, _version(networks=not masks_only))
    films = _films(console, annotations, of_films) if annotations else None
    cts = _cts(console, paths, of_cts)
    if films:
        show_films(console, films.results, every_table)
    show_cts(console, cts, every_table)
    if not cts.are_there and not (films and films.are_there):
        console.print("[red]Nothing here can be evaluated.[/red]")
    if json_file:
        write_numbers(_document(films, cts), json_file)
    _say_where(console, _pages(films, cts, into) if into else (), every_table)
    if not cts.are_there and not (films and films.are_there):
        raise typer.Exit(2)


def _films(console: Console, annotations: list[Path], plan: "Plan") -> Films:
    from pipelines.evaluation.film_run import run_films

    with _progress(console) as told:
        return Films(run_films(annotations, plan, told), _origin(FILM_BUNDLES, plan))


def _cts(console: Console, paths: list[Path], plan: "Plan") -> Cts:
    from pipelines.evaluation import report, run

    with _progress(console) as told:
        results = run.run(paths, plan, told)
        told("Summing up", 0, 0)
        made = _origin(CT_BUNDLES if plan.workshop else (), plan)
        return Cts(replace(report.evaluation(results), made=made), results)


def _document(films: Films | None, cts: Cts) -> Mapping[str, Any]:
    """All numbers in one document: those of the films in that of the CTs where there are both."""
    if films is None:
        return cts.document
    return {**cts.document, "films": films.document} if cts.are_there else films.document


def _pages(films: Films | None, cts: Cts, folder: Path) -> tuple[Path, ...]:
    """Write numbers and pages, each with a link to the other kind's where that is there, too; where the pages lie."""
    from pipelines.evaluation.page_parts import FILMS_FILE, PAGE_FILE

    of_cts = cts.are_there or films is None
    pages = []
    if films:
        pages.append(write_films(films, folder, beside_cts=of_cts or (folder / PAGE_FILE).exists()))
    if of_cts:
        pages.append(write_cts(cts, folder, beside_films=(folder / FILMS_FILE).exists()))
    return tuple(pages)


def _say_where(console: Console, pages: tuple[Path, ...], every_table: bool) -> None:
    for page in pages:
        console.print(f"The page is {page}.", highlight=False)
    if every_table:
        return
    where = "on the page and in the JSON" if pages else "on a page and in JSON with --into"
    words = f"Split up by level, part, kernel, age and the like, all this stands {where}; --tables prints it."
    console.print(words, highlight=False)


def _origin(bundles: tuple[str, ...], plan: "Plan") -> "Origin":
    """What answers, as of today (UTC)."""
    from datetime import UTC, datetime

    from models import catalogue
    from pipelines.evaluation.origin import Origin
    from vfx_finder import __version__

    models = tuple(catalogue.check(bundle) for bundle in bundles)
    return Origin(__version__, plan.version.code, models, datetime.now(UTC).date().isoformat())


def analyser() -> "Analyser":
    """Analysis of one study by the installed networks, loaded when the first image asks for them."""
    from functools import cache

    from models import catalogue
    from pipelines.study import analyse

    shelf = cache(catalogue.load)
    return lambda files: analyse(files, shelf())


def _version(networks: bool) -> "Version":
    """The weights and the source code that make an answer; without networks, the code alone."""
    from models import catalogue

    return _made_by(catalogue.BUNDLES if networks else (), ("study.py",))


def _film_version() -> "Version":
    """As `_version`, for films; what holds an answer against the corners counts too, because its result is kept."""
    return _made_by(FILM_BUNDLES, ("film.py", "evaluation/films.py", "evaluation/film_picture.py"))


def _made_by(bundles: tuple[str, ...], sources: tuple[str, ...]) -> "Version":
    import hashlib

    from models import catalogue
    from pipelines.evaluation.analysing_code import code_that_analyses
    from pipelines.evaluation.journal import Version

    weights = "".join(catalogue.check(bundle).sha256 for bundle in bundles)
    return Version(hashlib.sha256(weights.encode()).hexdigest(), code_that_analyses(*sources))


@contextmanager
def _progress(console: Console) -> Iterator["Told"]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Looking for cases", total=None, rate="")

        def told(doing: str, done: int, of: int) -> None:
            if done == 0:
                bar.reset(task, total=of, description=doing or "Analysing", rate="")
            passed = bar.tasks[0].elapsed or 0.0
            rate = f"{passed / done:.1f} s each" if done else ""
            bar.update(task, description=doing or "Analysing", completed=done, rate=rate)

        yield told
