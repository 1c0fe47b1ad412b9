"""The part of `vfx-finder evaluate` that holds lateral films against their named corners."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

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
    ("seconds per film", "seconds", "3"),
)
"""What is told of a set of films, and its target (synthetic films alone have grades)."""


def films_in(paths: Sequence[Path]) -> list[Path]:
    """Every annotations file of films in these paths."""
    from pipelines.evaluation.films import is_films

    found = [file for path in paths for file in (path.rglob("annotations.json") if path.is_dir() else (path,))]
    return sorted(file for file in found if is_films(file))


def evaluate_films(console: Console, files: Sequence[Path], json_file: Path | None) -> None:
    """Read every film of these annotations files by the research model and print what was measured."""
    from models import catalogue
    from pipelines.evaluation import films
    from pipelines.film import analyse_films

    model = catalogue.load_films()
    documents = {}
    for file in files:
        truths, results = films.film_truths(file), []
        for number, truth in enumerate(truths, start=1):
            results.append(films.film_result(truth, lambda paths: analyse_films(paths, model)))
            console.print(f"[dim]{truth.film.name}: {number} of {len(truths)}[/dim]", highlight=False)
        scores = asdict(films.film_scores(results))
        documents[file.parent.name] = scores
        console.print(_table(file.parent.name, scores))
    console.print("[yellow]Films are research: nothing here is clinical evidence.[/yellow]")
    console.print("Films alone were evaluated; for CTs and masks name their folders without those of films.")
    if json_file:
        json_file.write_text(json.dumps(documents, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _table(name: str, scores: dict[str, float | int | None]) -> Table:
    drawn = Table("measure", "result", "target", title=f"{name}: {scores['films']} lateral films", title_justify="left")
    for words, key, target in ROWS:
        value = scores[key]
        said = "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
        drawn.add_row(words, said, target)
    return drawn
