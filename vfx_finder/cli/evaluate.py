"""`vfx-finder evaluate`: how good the answers are on labelled data, in numbers with intervals."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vfx_finder.cli._films import FILM_BUNDLES, NUMBERS_FILE, film_analyser, films_in, show_films, write_films

if TYPE_CHECKING:
    from pipelines.evaluation import tables
    from pipelines.evaluation.journal import Version
    from pipelines.evaluation.origin import Origin
    from pipelines.evaluation.record import Analyser
    from pipelines.evaluation.report import Evaluation
    from pipelines.evaluation.run import Plan, Results, Told

Paths = Annotated[
    list[Path],
    typer.Argument(help="CTs with expert masks, masks with grades, synthetic images with truth, or folders of these."),
]
Into = Annotated[
    Path | None,
    typer.Option("--into", help="Keep each result, the numbers and the page in this folder; take up what is there."),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that analyse at the same time, one thread each.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file as well.")]
MasksOnly = Annotated[bool, typer.Option("--masks-only", help="Judge masks alone: no network is run.")]

CT_BUNDLES = ("ct_spine",)
"""The models that read CTs."""

FEW_IMAGES = 12
"""Up to so many images every body is printed; more fill a page, not a terminal."""

MOST_COLUMNS = 6
"""Wider tables are for the page."""

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def register(app: typer.Typer) -> None:
    """Add `evaluate` to the command line."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    paths: Paths, into: Into = None, jobs: Jobs = 1, json_file: JsonFile = None, masks_only: MasksOnly = False
) -> None:
    """Measure how well vertebrae are found, numbered, measured and graded. Research software.

    CTs named *_ct.nii.gz are held against the expert mask beside them (*_seg-vert_msk.nii.gz), synthetic images
    NAME.nii.gz against NAME.truth.json. Masks with published Genant grades (labels/verse_genant.csv above them) show
    what measuring and grading are worth without a network. Each file that is not evaluated is listed with its reason.

    Lateral films are held against named corners in the COCO layout (annotations.json); a folder with one holds films
    alone, read by the research model; whatever else the folders hold is then left for a call without it. Synthetic
    ones are written by `vfx-finder synth FOLDER --films`.

    With --into FOLDER the run can be ended at any time: the same command takes it up again.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    from pipelines.evaluation import report, run

    console, films = Console(), [] if masks_only else films_in(paths)
    if films:
        _evaluate_films(console, films, run.Plan(film_analyser, into, jobs, _film_version()), json_file)
        return
    from dataclasses import replace

    plan = run.Plan(None if masks_only else analyser, into, jobs, _version(networks=not masks_only))
    with _progress(console) as told:
        results = run.run(paths, plan, told)
        told("Summing up", 0, 0)
        origin = _origin(() if masks_only else CT_BUNDLES, plan)
        evaluation = replace(report.evaluation(results), made=origin)
    _show(console, evaluation, results)
    _write(evaluation, results, into, json_file)
    if into:
        console.print(f"The page is {into / 'index.html'}.", highlight=False)
    if evaluation.synthetic is None and evaluation.real is None and evaluation.masks is None:
        console.print("[red]Nothing here can be evaluated.[/red]")
        raise typer.Exit(2)


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


def _evaluate_films(console: Console, films: list[Path], plan: "Plan", json_file: Path | None) -> None:
    from pipelines.evaluation.film_run import run_films

    with _progress(console) as told:
        results = run_films(films, plan, told)
    show_films(console, results)
    write_films(results, _origin(FILM_BUNDLES, plan), (plan.folder / NUMBERS_FILE if plan.folder else None, json_file))
    if not any(results.of_file.values()):
        console.print("[red]Nothing here can be evaluated.[/red]")
        raise typer.Exit(2)


def _version(networks: bool) -> "Version":
    """The weights and the source code that make an answer; without networks, the code alone."""
    from models import catalogue

    return _made_by(catalogue.BUNDLES if networks else (), ("study.py",))


def _film_version() -> "Version":
    """As `_version`, for films; what holds an answer against the corners counts too, because its result is kept."""
    return _made_by(FILM_BUNDLES, ("film.py", "evaluation/films.py"))


def _made_by(bundles: tuple[str, ...], sources: tuple[str, ...]) -> "Version":
    import hashlib

    import models
    import pipelines
    import vfx_finder
    from models import catalogue
    from pipelines.evaluation.journal import Version, sha256_of_code

    hands, shelf, house = (Path(room.__path__[0]) for room in (pipelines, models, vfx_finder))
    rooms = [hands / "steps", shelf, house / "domain", house / "dicom"]
    code = sha256_of_code([*(hands / source for source in sources), *rooms])
    weights = "".join(catalogue.check(bundle).sha256 for bundle in bundles)
    return Version(hashlib.sha256(weights.encode()).hexdigest(), code)


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


def _write(evaluation: "Evaluation", results: "Results", into: Path | None, json_file: Path | None) -> None:
    from pipelines.evaluation.page import write_page
    from pipelines.evaluation.report import to_json

    document = json.dumps(to_json(evaluation, results), indent=1, allow_nan=False)
    for file in (into / "evaluation.json" if into else None, json_file):
        if file:
            file.write_text(document + "\n", encoding="utf-8")
    if into:
        write_page(evaluation, results, into)


def _show(console: Console, evaluation: "Evaluation", results: "Results") -> None:
    from pipelines.evaluation import tables

    if results.taken_up:
        console.print(f"{results.taken_up} results were kept from before.")
    if results.outdated:
        console.print(
            f"[yellow]{results.outdated} kept results are of other weights or code and do not count.[/yellow]"
        )
    if 0 < len(results.images) <= FEW_IMAGES:
        console.print(_body_table(results))
    for section in tables.sections(evaluation):
        console.rule(section.title)
        for table in section.tables:
            if len(table.header) <= MOST_COLUMNS:
                console.print(_rendered(table))
    for excluded in evaluation.excluded:
        words = f"not evaluated: {excluded.name}: {excluded.reason}"
        console.print(words, style="dim", highlight=False, markup=False)
    if evaluation.synthetic:
        console.print("[yellow]Synthetic images are no clinical evidence.[/yellow]")


def _rendered(table: "tables.Table") -> Table:
    """The table without its column of meanings, which is for the page."""
    from pipelines.evaluation.tables import MEANING

    width = len(table.header) - (table.header[-1] == MEANING)
    drawn = Table(*table.header[:width], title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row[:width])
    return drawn


def _body_table(results: "Results") -> Table:
    from pipelines.evaluation.rows import bodies_of, study_row
    from pipelines.evaluation.tables import number

    table = Table(
        "image", "body", "found (mm off)", "called", "true ratio", "ratio", "error", "grade", title="Each body"
    )
    for row in bodies_of(study_row(record) for record in results.images):
        off = "[red]missed[/red]" if row.centre_mm is None else f"{row.centre_mm:.1f}"
        grade = row.why_not_graded or number(row.said.grade if row.said else None, "d")
        table.add_row(
            row.study,
            f"{row.true.level}{' (cut)' if row.true.cut else ''}",
            off,
            str(row.said.level if row.said else "-"),
            number(row.true.ratio),
            number(row.said.ratio if row.said else None),
            number(row.ratio_error, "+.3f"),
            f"{grade} (true {number(row.true.grade, 'd')})",
        )
    return table
