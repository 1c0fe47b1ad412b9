"""`vfx-finder evaluate`: how good the answers are on labelled data, in numbers with intervals."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.evaluation.grading import GradingScore
    from pipelines.evaluation.images import Analyser, ImageResult
    from pipelines.evaluation.report import Evaluation, ImagesScore
    from pipelines.evaluation.report import Progress as Told
    from pipelines.evaluation.statistics import Estimate

Paths = Annotated[
    list[Path], typer.Argument(help="CTs with expert masks, masks with grades, or folders (VerSe layout).")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write everything to this file as well.")]
MasksOnly = Annotated[bool, typer.Option("--masks-only", help="Judge masks alone: no network is run.")]


def register(app: typer.Typer) -> None:
    """Add `evaluate` to the command line."""
    app.command(name="evaluate")(evaluate)


def evaluate(paths: Paths, json_file: JsonFile = None, masks_only: MasksOnly = False) -> None:
    """Measure how well vertebrae are found, numbered, measured and graded.

    CTs named *_ct.nii.gz are held against the expert mask beside them (*_seg-vert_msk.nii.gz). Masks with published
    Genant grades (labels/verse_genant.csv above them) show what measuring and grading are worth without a network.
    Each file that is not evaluated is listed with its reason.
    """
    from pipelines.evaluation.report import evaluate as run
    from pipelines.evaluation.report import to_json

    console = Console()
    with _progress(console) as told:
        evaluation = run(paths, None if masks_only else _analyser(), told)
    _show(console, evaluation)
    if json_file:
        json_file.write_text(json.dumps(to_json(evaluation), indent=1), encoding="utf-8")
    if evaluation.images is None and evaluation.grading is None:
        console.print("[red]Nothing here can be evaluated.[/red]")
        raise typer.Exit(2)


def _analyser() -> "Analyser":
    """Analysis of one study by the installed networks, loaded when the first CT asks for them."""
    from functools import cache

    from models import catalogue
    from pipelines.study import analyse

    shelf = cache(catalogue.load)
    return lambda files: analyse(files, shelf())


@contextmanager
def _progress(console: Console) -> Iterator["Told"]:
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Looking for cases", total=None)

        def told(doing: str, done: int, of: int) -> None:
            bar.update(task, description=doing or "Summing up", completed=done, total=of)

        yield told


def _show(console: Console, evaluation: "Evaluation") -> None:
    if evaluation.images:
        console.print(_image_table(evaluation.image_results))
        console.print(_images_table(evaluation.images))
        for result in evaluation.image_results:
            if result.not_analysed:
                console.print(
                    f"[yellow]{result.subject}: not analysed: {result.not_analysed}[/yellow]", highlight=False
                )
    for title, score in (
        ("Published grades, T4 to L4", evaluation.grading_t4_l4),
        ("Published grades, every graded level", evaluation.grading),
    ):
        if score:
            console.print(_grading_table(title, score))
    for excluded in evaluation.excluded:
        console.print(f"[dim]not evaluated: {excluded.name}: {excluded.reason}[/dim]", highlight=False)


def _image_table(results: "tuple[ImageResult, ...]") -> Table:
    table = Table(
        "CT", "body", "found (mm off)", "called", "expert ratio", "ratio", "error", "grade", title="Each body"
    )
    for result in results:
        for body in result.bodies:
            off = "[red]missed[/red]" if body.centre_error_mm is None else f"{body.centre_error_mm:.1f}"
            cut = " (cut)" if body.cut else ""
            grade = body.why_not_graded or _number(body.grade, "d")
            table.add_row(
                result.subject,
                f"{body.level}{cut}",
                off,
                str(body.said_level or "-"),
                _number(body.expert_ratio),
                _number(body.ratio),
                _number(body.ratio_error, "+.3f"),
                f"{grade} (published {_number(body.true_grade, 'd')})",
            )
    return table


def _images_table(score: "ImagesScore") -> Table:
    table = Table("measure", "value", "95 %", title=f"{score.images} CTs, {score.bodies} labelled bodies")
    if score.analysed < score.images:
        table.add_row("CTs analysed", f"{score.analysed} of {score.images}", "")
    _add(table, "bodies found (within 10 mm)", score.found)
    _add(table, "bodies found within 5 mm", score.within_5_mm)
    table.add_row("false bodies inside the labelled span", str(score.false_in_span), "")
    table.add_row("findings beyond the labelled span", str(score.beyond_span), "")
    table.add_row("centre error, median (mm)", _number(score.centre_error_median_mm, ".1f"), "")
    _add(table, "level right, of those found", score.level_right)
    _add(table, "level right or one off", score.level_within_one)
    _add(table, "min/max ratio, mean absolute error", score.ratio_error)
    table.add_row("min/max ratio, bias", _number(score.ratio_bias, "+.3f"), "")
    table.add_row("whole bodies found but not measured", str(score.uncut_found_not_measured), "")
    table.add_row("seconds a CT", _number(score.seconds_mean, ".1f"), "")
    return table


def _grading_table(title: str, score: "GradingScore") -> Table:
    head = f"{title}: {score.vertebrae} vertebrae of {score.subjects} subjects"
    table = Table("measure", "value", "95 %", title=head)
    _add(table, "AUC, grade 2 and above", score.auc_grade2)
    _add(table, "AUC, grade 1 and above", score.auc_grade1)
    _add(table, "sensitivity, grade 2 and above", score.sensitivity_grade2)
    _add(table, "specificity, grade 2 and above", score.specificity_grade2)
    _add(table, "sensitivity, grade 1 and above", score.sensitivity_grade1)
    _add(table, "specificity, grade 1 and above", score.specificity_grade1)
    _add(table, "quadratic kappa, grades 0 to 3", score.quadratic_kappa)
    _add(table, "calibration error of the probability", score.calibration_error)
    _add(table, "patients: sensitivity, grade 2 and above", score.patient_sensitivity_grade2)
    _add(table, "patients: specificity, grade 2 and above", score.patient_specificity_grade2)
    rows = " | ".join(" ".join(str(count) for count in row) for row in score.table)
    table.add_row("published 0 | 1 | 2 | 3, each called 0 1 2 3", rows, "")
    return table


def _add(table: Table, name: str, estimate: "Estimate") -> None:
    interval = "" if estimate.low is None else f"{_number(estimate.low)} to {_number(estimate.high)}"
    table.add_row(name, f"{_number(estimate.value)} (n {estimate.n})", interval)


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)
