"""The part of `vfx-finder evaluate` that holds lateral films against their named corners."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True)
class Films:
    """What was measured on films, and what with."""

    results: "FilmResults"
    made: "Origin"

    @property
    def are_there(self) -> bool:
        """Whether any was evaluated."""
        return any(self.results.of_file.values())

    @property
    def document(self) -> Mapping[str, Any]:
        """The numbers as plain data."""
        from pipelines.evaluation.film_tables import to_json

        return to_json(self.results, self.made)


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


def show_films(console: Console, results: "FilmResults", every_table: bool = False) -> None:
    """Print what was measured on the films of each annotations file, and each that was refused or not evaluated; with
    every table also by part of the spine and level."""
    from pipelines.evaluation.film_tables import NOTICE, film_tables

    if results.taken_up:
        console.print(f"{results.taken_up} results were kept from before.")
    if results.outdated:
        console.print(
            f"[yellow]{results.outdated} kept results are of other weights or code and do not count.[/yellow]"
        )
    for table in film_tables(results):
        if every_table or not table.is_strata:
            console.print(_rendered(table))
    for one in results.excluded:
        console.print(f"{one.name}: {one.reason}", style="dim", highlight=False, markup=False)
    console.print(f"[yellow]{NOTICE}[/yellow]")


def write_films(films: Films, folder: Path, beside_cts: bool) -> Path:
    """Write numbers and page into this folder; where the page lies."""
    from pipelines.evaluation.film_page import write_film_page

    write_numbers(films.document, folder / NUMBERS_FILE)
    return write_film_page(films.results, films.made, folder, beside_cts)


def write_numbers(document: Mapping[str, Any], file: Path) -> None:
    """Write the numbers of an evaluation."""
    file.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _rendered(told: "tables.Table") -> Table:
    """The table with its sentence on how to read it below."""
    drawn = Table(*told.header, title=told.title, title_justify="left", caption=told.words, caption_justify="left")
    for row in told.rows:
        drawn.add_row(*row)
    return drawn
