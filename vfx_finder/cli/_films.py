"""The part of `vfx-finder evaluate` that holds lateral films against their named corners."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.evaluation import tables
    from pipelines.evaluation.film_run import FilmResults
    from pipelines.evaluation.origin import Origin
    from pipelines.evaluation.record import Analyser

NUMBERS_FILE = "films.json"
"""Where the numbers stand in the folder of an evaluation."""

FILM_BUNDLES = ("xray_spine",)
"""The models that read films."""


def films_in(paths: Sequence[Path]) -> list[Path]:
    """Every annotations file of films in these paths."""
    from pipelines.evaluation.films import is_films

    found = [file for path in paths for file in (path.rglob("annotations.json") if path.is_dir() else (path,))]
    return sorted(file for file in found if is_films(file))


def film_analyser() -> "Analyser":
    """Reading of one film by the installed research model, loaded when the first film asks for it."""
    from functools import cache

    from models import catalogue
    from pipelines.film import analyse_films

    model = cache(catalogue.load_films)
    return lambda files: analyse_films(files, model())


def show_films(console: Console, results: "FilmResults") -> None:
    """Print what was measured on the films of each annotations file, and each that was refused or not evaluated."""
    from pipelines.evaluation.film_tables import NOTICE, film_tables

    if results.taken_up:
        console.print(f"{results.taken_up} results were kept from before.")
    if results.outdated:
        console.print(
            f"[yellow]{results.outdated} kept results are of other weights or code and do not count.[/yellow]"
        )
    for table in film_tables(results):
        console.print(_rendered(table))
    for one in results.excluded:
        console.print(f"{one.name}: {one.reason}", style="dim", highlight=False, markup=False)
    console.print(f"[yellow]{NOTICE}[/yellow]")
    console.print("Films alone were evaluated; for CTs and masks name their folders without those of films.")


def write_films(results: "FilmResults", made: "Origin", files: Sequence[Path | None]) -> None:
    """Write the numbers to each of these files that is one."""
    from pipelines.evaluation.film_tables import to_json

    document = json.dumps(to_json(results, made), indent=1, allow_nan=False)
    for file in files:
        if file:
            file.write_text(document + "\n", encoding="utf-8")


def _rendered(told: "tables.Table") -> Table:
    """The table with its sentence on how to read it below."""
    drawn = Table(*told.header, title=told.title, title_justify="left", caption=told.words, caption_justify="left")
    for row in told.rows:
        drawn.add_row(*row)
    return drawn
