"""The part of `vfx-finder evaluate` that says what was measured on CTs and masks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from vfx_finder.cli._films import write_numbers

if TYPE_CHECKING:
    from pipelines.evaluation import tables
    from pipelines.evaluation.report import Evaluation
    from pipelines.evaluation.run import Results

NUMBERS_FILE = "evaluation.json"
"""Where the numbers stand in the folder of an evaluation."""

FEW_IMAGES = 12
"""Up to so many images every body is printed with the other tables; more fill a page, not a terminal."""

MOST_COLUMNS = 6
"""Wider tables are for the page."""


@dataclass(frozen=True)
class Cts:
    """What was measured on CTs and masks."""

    evaluation: "Evaluation"
    results: "Results"

    @property
    def are_there(self) -> bool:
        """Whether any was evaluated."""
        told = self.evaluation
        return told.synthetic is not None or told.real is not None or told.masks is not None

    @property
    def document(self) -> Mapping[str, Any]:
        """The numbers as plain data."""
        from pipelines.evaluation.report import to_json

        return to_json(self.evaluation, self.results)


def show_cts(console: Console, cts: Cts, every_table: bool = False) -> None:
    """Print what was measured, and each file that was not evaluated; with every table also each body and each part."""
    from pipelines.evaluation import tables

    evaluation, results = cts.evaluation, cts.results
    if results.taken_up:
        console.print(f"{results.taken_up} results were kept from before.")
    if results.outdated:
        console.print(
            f"[yellow]{results.outdated} kept results are of other weights or code and do not count.[/yellow]"
        )
    if every_table and 0 < len(results.images) <= FEW_IMAGES:
        console.print(_body_table(results))
    for section in tables.sections(evaluation):
        console.rule(section.title)
        for table in section.tables:
            if len(table.header) <= MOST_COLUMNS and (every_table or not table.is_strata):
                console.print(_rendered(table))
    for excluded in evaluation.excluded:
        words = f"not evaluated: {excluded.name}: {excluded.reason}"
        console.print(words, style="dim", highlight=False, markup=False)
    if evaluation.synthetic:
        console.print("[yellow]Synthetic images are no clinical evidence.[/yellow]")


def write_cts(cts: Cts, folder: Path, beside_films: bool) -> Path:
    """Write numbers and page into this folder; where the page lies."""
    from pipelines.evaluation.page import write_page

    write_numbers(cts.document, folder / NUMBERS_FILE)
    return write_page(cts.evaluation, cts.results, folder, beside_films)


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
