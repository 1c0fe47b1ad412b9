"""What is told of a set of films: each figure with its n, its verdict, and every film that was left out."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pipelines.evaluation.film_parts import by_level, by_part, film_curves
from pipelines.evaluation.film_run import FilmResults, run_films
from pipelines.evaluation.film_scores import film_scores
from pipelines.evaluation.film_tables import NOTICE, film_table, film_tables, to_json
from pipelines.evaluation.films import BodyResult, FilmResult
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.run import Plan
from vfx_finder.cli._films import show_films
from vfx_finder.domain.finding import Analysis, ModelVersion
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, Unsuitable

MADE = Origin("1.2", "c0de" * 16, (ModelVersion("xray_spine", "0.9", "abcd" * 16),), "2026-01-31")
LEVELS = (Level.T5, Level.T12, Level.L1)


def film(at: int, *, broken: bool, refused: bool = False) -> FilmResult:
    """Three bodies, all found; with grade 2 at L1 where broken, and then suspected; nothing of a refused one."""
    grades = dict.fromkeys(LEVELS, 0) | {Level.L1: 2 * broken}
    found = tuple(
        BodyResult(f"{at}.png", level, True, level, 0.05, (0.95, 0.97), grade == 2, 0.9 if grade else 0.1, grade)
        for level, grade in grades.items()
    )
    missed = tuple(BodyResult(f"{at}.png", level, False, grade=grade) for level, grade in grades.items())
    return FilmResult(f"{at}.png", missed if refused else found, 0, 2.0, "film-of-chest" if refused else "")


def rows(results: list[FilmResult]) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in film_table("set", film_scores(results)).rows}


def test_each_figure_says_of_how_many_bodies_or_films_it_is() -> None:
    told = rows([film(at, broken=at % 2 == 0) for at in range(20)])
    assert told["bodies found, T7 to L5"][1:3] == ("40 bodies", "20")
    assert told["false bodies per film"] == ("0.000", "20 films", "20", "at most 0.5", "met, interval beyond")
    assert told["AUC of grade 2 and above, per vertebra"][1:3] == ("60 bodies", "10")
    assert told["the same, per film"][4].startswith("met")


def test_nine_films_are_too_few_to_say_and_so_are_nine_with_a_fracture() -> None:
    few = rows([film(at, broken=True) for at in range(9)])
    assert {words[-1] for words in few.values()} <= {"too few to say", "-", ""}
    nine_broken = rows([film(at, broken=at < 9) for at in range(40)])
    assert nine_broken["the same, per film"][-1] == "too few to say"
    assert nine_broken["bodies found, T7 to L5"][-1].startswith("met")


def test_a_refused_film_counts_as_missed_and_not_suspected_and_the_table_says_so() -> None:
    results = [film(at, broken=True, refused=at == 0) for at in range(10)]
    scores = film_scores(results)
    assert scores.recall_lower.value == pytest.approx(0.9)
    assert scores.fractures_suspected.value == pytest.approx(0.9)
    assert (scores.films_suspected.value, scores.films_suspected.n) == (1.0, 9)
    assert rows(results)["bodies found, T7 to L5"][-1].startswith("FALLS SHORT")
    table = film_table("set", scores)
    assert "10 lateral films, 1 of them refused" in table.title
    assert "its bodies as missed, the film as not suspected" in table.words


def test_a_refused_film_with_a_fracture_costs_the_figure_per_film() -> None:
    """Left out, it would make the films read look like all of them."""
    sound = [film(at, broken=False) for at in range(10)]
    broken = [film(at, broken=True, refused=at < 15) for at in range(10, 20)]
    scores = film_scores([*sound, *broken])
    assert scores.auc_film.n == 20
    assert scores.auc_film.value == pytest.approx(0.5)
    assert scores.auc_vertebra.value == 1.0


def test_errors_are_split_by_level_and_by_part_of_the_spine() -> None:
    """A wrong name and a missed body count where they are; fractures from T4 to L5 alone."""
    results = [film(at, broken=at < 4) for at in range(8)]
    first, *others = results
    t5, t12, l1 = first.bodies
    lost = BodyResult("0.png", Level.L1, False, grade=2)
    results = [replace(first, bodies=(replace(t5, called=Level.T7), t12, lost)), *others]
    parts, levels = by_part(results), by_level(results)
    assert list(parts) == ["T1 to T6", "T7 to T12", "L1 to L5"]
    assert list(levels) == ["T5", "T12", "L1"]
    assert (levels["T5"].level_right.value, levels["T5"].level_within_one.value) == (7 / 8, 7 / 8)
    assert parts["T1 to T6"].level_right == levels["T5"].level_right
    assert (levels["L1"].found.value, levels["L1"].fractures_suspected.value) == (7 / 8, 3 / 4)
    assert levels["T12"].fractures_suspected.value is None
    assert parts["T7 to T12"].corner_error.value == pytest.approx(0.05)
    assert l1.called is Level.L1


def test_the_dot_of_what_was_suspected_lies_on_its_curve() -> None:
    results = [film(at, broken=at < 5, refused=at == 0) for at in range(10)]
    curves = film_curves(results)
    assert curves.suspected_vertebra == (0.0, 1.0)
    assert curves.suspected_film == (0.0, 0.8)
    assert {curves.suspected_vertebra, curves.suspected_film} <= {*curves.roc_vertebra, *curves.roc_film}
    assert (curves.vertebrae, curves.films) == (27, 10)
    assert sum(one.n for one in curves.reliability) == 27


def written_set(folder: Path, name: str = "0001.png") -> Path:
    """One film that is there, one annotated whose picture is missing, and one picture nobody annotated."""
    (folder / "images").mkdir(parents=True)
    for picture in (name, "stray.png"):
        Image.fromarray(np.zeros((60, 60), np.uint8)).save(folder / "images" / picture)
    (folder / "images" / "notes.txt").touch()
    corners = [10.0, 5.0, 2, 40.0, 5.0, 2, 10.0, 25.0, 2, 40.0, 25.0, 2]
    told = {
        "images": [{"id": 1, "file_name": name}, {"id": 2, "file_name": "gone.png"}],
        "categories": [{"keypoints": ["L1TF", "L1TB", "L1BF", "L1BB"]}],
        "annotations": [{"image_id": image, "keypoints": corners} for image in (1, 2)],
    }
    (folder / "annotations.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / "annotations.json"


def read(*files: Path) -> FilmResults:
    """Every film is refused as one of a chest."""
    refusal = Analysis("DX", Unsuitable(Reason.FILM_OF_CHEST, "a chest"), (), None, (), {})
    return run_films(files, Plan(lambda: lambda _: refusal))


def test_every_film_that_was_refused_is_missing_or_not_annotated_is_named_with_why(tmp_path: Path) -> None:
    results = read(written_set(tmp_path / "set"))
    reasons = {one.name: one.reason for one in results.excluded}
    assert reasons.keys() == {"0001.png", "gone.png", "stray.png"}
    assert Reason.FILM_OF_CHEST.value in reasons["0001.png"]
    assert "picture is missing" in reasons["gone.png"]
    assert "no annotation" in reasons["stray.png"]
    console = Console(width=200, file=StringIO())
    show_films(console, results)
    shown = console.file.getvalue()
    assert all(f"{name}: {reason}" in shown for name, reason in reasons.items())
    assert "By level" not in shown
    show_films(console, results, every_table=True)
    assert "By level" in console.file.getvalue()
    document = to_json(results, MADE)
    assert {one["name"]: one["reason"] for one in document["excluded"]} == reasons


def test_two_sets_in_folders_of_one_name_stay_two(tmp_path: Path) -> None:
    results = read(written_set(tmp_path / "one" / "set"), written_set(tmp_path / "two" / "set"))
    assert list(to_json(results, MADE)["sets"]) == ["one/set", "two/set"]
    of_all = [table.title for table in film_tables(results) if not table.is_strata]
    assert [title.partition(":")[0] for title in of_all] == ["one/set", "two/set"]
    split = [table.title for table in film_tables(results) if table.is_strata]
    assert {"one/set: By level", "two/set: By part of the spine"} <= set(split)
    assert {"one/set/gone.png", "two/set/gone.png"} <= {one.name for one in results.excluded}


def test_the_numbers_say_what_they_are_with_what_they_were_made_and_when(tmp_path: Path) -> None:
    document = json.loads(json.dumps(to_json(read(written_set(tmp_path / "set")), MADE), allow_nan=False))
    assert document["schema"] == "vfx-finder/films/1"
    assert document["research_software"] is True
    assert document["notice"] == NOTICE
    assert document["made"] == {
        "software": "1.2",
        "code": "c0de" * 16,
        "models": [{"name": "xray_spine", "version": "0.9", "sha256": "abcd" * 16}],
        "date": "2026-01-31",
    }
    assert document["sets"]["set"]["recall_lower"]["n"] == 1
    assert {"measure": "films accepted", "target": "at least 1", "met": "too few to say"} in (
        document["sets"]["set"]["targets"]
    )
    assert document["sets"]["set"]["by_level"]["L1"]["found"]["n"] == 1
    assert document["sets"]["set"]["curves"]["films"] == 0
    assert str(tmp_path) not in json.dumps(document)
