"""The part of `vfx-finder evaluate` that holds lateral films against their named corners."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.evaluation.film_run import FilmResults
    from pipelines.evaluation.record import Analyser

NUMBERS_FILE = "films.json"
"""Where the numbers stand in the folder of an evaluation."""

ROWS = (
    ("films accepted", "accepted", "all"),
    ("bodies found, T7 to L5", "recall_lower", "0.95"),
    ("bodies found, T1 to T6", "recall_upper", "0.80"),
    ("false bodies per film", "false_bodies", "0.5"),
    ("level right", "level_right", "0.85"),
    ("level right within one", "level_within_one", "0.97"),
    ("corner error over vertebral height", "corner_error", "0.08"),
    ("Ha/Hp error, mean absolute", "ratio_error", "0.04"),
    ("spread (SD) of true Ha/Hp in those measured", "ratio_spread", ""),
    ("sound vertebrae falsely suspected", "falsely_suspected", "0.02"),
    ("AUC of grade 2 and above, per vertebra", "auc_vertebra", "0.95"),
    ("the same, per film", "auc_film", "0.97"),
    ("grade 2 and above in view, T4 to L5, suspected", "fractures_suspected", ""),
    ("films read with such, suspected", "films_suspected", ""),
    ("films read without, not suspected", "films_spared", ""),
    ("seconds per film", "seconds", "3"),
)
"""What is told of a set of films, and its target (synthetic films alone have grades)."""


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
    """Print what was measured on the films of each annotations file."""
    if results.taken_up:
        console.print(f"{results.taken_up} results were kept from before.")
    if results.outdated:
        console.print(
            f"[yellow]{results.outdated} kept results are of other weights or code and do not count.[/yellow]"
        )
    for name, scores in _scores(results):
        console.print(_table(name, scores))
    for one in results.excluded:
        console.print(f"[dim]{one.name} {one.reason}[/dim]", highlight=False)
    console.print("[yellow]Films are research: nothing here is clinical evidence.[/yellow]")
    console.print("Films alone were evaluated; for CTs and masks name their folders without those of films.")


def write_films(results: "FilmResults", files: Sequence[Path | None]) -> None:
    """Write the numbers to each of these files that is one."""
    document = json.dumps(dict(_scores(results)), indent=1, allow_nan=False)
    for file in files:
        if file:
            file.write_text(document + "\n", encoding="utf-8")


def _scores(results: "FilmResults") -> list[tuple[str, dict[str, float | int | None]]]:
    """The name of each folder of films, and what its films add up to."""
    from pipelines.evaluation.films import film_scores

    return [(file.parent.name, asdict(film_scores(read))) for file, read in results.of_file.items()]


def _table(name: str, scores: dict[str, float | int | None]) -> Table:
    drawn = Table("measure", "result", "target", title=f"{name}: {scores['films']} lateral films", title_justify="left")
    for words, key, target in ROWS:
        value = scores[key]
        said = "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
        drawn.add_row(words, said, target)
    return drawn
