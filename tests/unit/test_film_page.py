"""The films' page stands alone, says that films are research, and shows where things went wrong."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.evaluation.film_page import film_page
from pipelines.evaluation.film_run import FilmResults, run_films
from pipelines.evaluation.film_worst import MOST_FILMS, film_wrongs, worst_films
from pipelines.evaluation.films import BodyResult, FilmResult
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.record import Analyser
from pipelines.evaluation.run import Plan
from tests.support.evaluations import LUMBAR, Told, answer, finding, write_case
from tests.support.film_sets import AT, analysis, refused, said, write_films
from tests.support.whole_pages import outline_of
from vfx_finder.cli import evaluate
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.spine import Level

MADE = Origin("1.2", "c0de" * 16, (), "2026-01-31")
BROKEN, SOUND = {"T12": 0, "L1": 2, "L2": 0}, {"T12": 0, "L1": 0, "L2": 0}
GRADES = {"chest.png": BROKEN, "false.png": SOUND, "right-<b>.png": BROKEN, "unseen.png": BROKEN}
RIGHT = {level: said(level, row, suspected=level is Level.L1) for level, row in AT.items()}
ANSWERS = {
    "chest.png": refused(),
    "false.png": analysis(*RIGHT.values(), said(Level.L4, 320, suspected=True)),
    "right-<b>.png": analysis(*RIGHT.values()),
    "unseen.png": analysis(said(Level.T11, AT[Level.T12]), said(Level.L1, AT[Level.L1])),
}
STRATA = ("Each body", "By level", "By part of the spine", "Vertebrae, every graded level")
"""Titles of tables that are not printed unless asked for."""


def read(files: Sequence[Path]) -> Analysis:
    """What is said of each film, by its name."""
    return ANSWERS[files[0].name]


def reader() -> Analyser:
    """Made anew for each evaluation."""
    return read


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> FilmResults:
    """A film that was refused, one with a false body and two false suspicions, one all right, one fracture unseen."""
    folder = tmp_path_factory.mktemp("films")
    return run_films([write_films(folder / "set", GRADES, absent=("gone.png",))], Plan(reader, folder / "kept"))


@pytest.fixture(scope="module")
def html(results: FilmResults) -> str:
    return film_page(results, MADE)


def test_the_page_is_whole_and_needs_nothing_beside_it(html: str) -> None:
    assert all(target.startswith(("#", "data:image/jpeg;base64,")) for target in outline_of(html).targets)
    assert not re.search(r"<script|src=|url\(|@import", html)


def test_it_says_that_films_are_research_and_with_what_it_was_made(html: str) -> None:
    assert "Research software: not for diagnosis" in html
    assert "Films are research: nothing here is clinical evidence." in html
    assert "No vertebra on a film is graded" in html
    assert MADE.words in html


def test_every_measure_stands_with_n_aim_and_verdict_and_every_refusal_with_its_reason(html: str) -> None:
    row = re.search(r"<tr><th scope=\"row\">bodies found, T7 to L5</th>(.*?)</tr>", html)
    assert row
    cells = re.findall(r"<td>(.*?)</td>", row.group(1))
    assert cells[0].startswith("0.667 [")
    assert cells[1:] == ["12 bodies", "4", "at least 0.95", "too few to say"]
    excluded = html[html.index('id="excluded"') :]
    assert "refused (film-of-the-chest)" in excluded
    assert "annotated, but the picture is missing" in excluded


def test_curves_calibration_and_levels_are_drawn_where_grades_are_known(html: str, results: FilmResults) -> None:
    titles = re.findall(r"<figcaption><b>(.*?)</b>", html)
    assert [title.partition(",")[0].partition(" (")[0] for title in titles] == [
        "ROC by vertebra",
        "ROC by film",
        "Reliability of the probability",
        "Fractures suspected by part",
        "Bodies found by level",
        "Level right of those found",
    ]
    ((file, films),) = results.of_file.items()
    unknown = tuple(replace(one, bodies=tuple(replace(body, grade=None) for body in one.bodies)) for one in films)
    plain = film_page(replace(results, of_file={file: unknown}), MADE)
    assert "ROC by" not in plain
    assert "Bodies found by level" in plain


def test_the_worst_films_come_first_with_picture_truth_and_what_was_said(html: str) -> None:
    worst = html[html.index('id="worst"') :]
    assert re.findall(r"-name\">\s*<a href=\"#case-\d\">(.*?)</a>", worst) == ["chest.png", "false.png", "unseen.png"]
    assert html.count("data:image/jpeg;base64,") == 3
    shown = dict(zip(("chest", "false", "unseen"), worst.split("<article")[1:], strict=True))
    assert "falsely suspected, false body suspected, false body" in shown["false"]
    assert ">L1 suspected</text>" in shown["false"]
    assert ">L4? suspected</text>" in shown["false"]
    assert shown["false"].count('class="outline outline-true"') == 3
    assert ">L1 (true g2)</text>" in shown["unseen"]
    assert ">T11 (true T12)</text>" in shown["unseen"]
    assert ">L2 not found</text>" in shown["unseen"]
    assert all(f"outline-{kind}" in shown["unseen"] for kind in ("missed", "named", "lost"))
    assert 'class="wrong">refused, fracture not suspected</span>' in shown["chest"]
    assert shown["chest"].count("<polygon") == 3


def test_a_film_without_a_fault_is_told_without_a_picture_and_names_are_escaped(html: str) -> None:
    row = re.search(r"<tr><th scope=\"row\">right-&lt;b&gt;.png</th>(.*?)</tr>", html)
    assert row
    assert row.group(1).endswith("<td>nothing</td>")
    assert "right-<b>" not in html


def test_a_film_whose_picture_was_not_kept_is_shown_without_one(results: FilmResults) -> None:
    plain = film_page(replace(results, pictures={}), MADE)
    assert "data:image" not in plain
    assert plain.count("No picture was kept") == 3


def test_a_dozen_is_shown_the_heaviest_first_and_the_worse_measured_among_equals() -> None:
    def film(at: int, off: float, *, missed: bool = False) -> FilmResult:
        body = BodyResult(f"{at}", Level.L1, True, Level.L2, off, grade=0)
        lost = BodyResult(f"{at}", Level.L2, False, grade=2 * missed)
        return FilmResult(f"{at}", (body, lost), 0, 1.0)

    films = [film(at, 0.001 * at, missed=at == 3) for at in range(20)]
    assert worst_films(films) == [3, *range(19, 19 - (MOST_FILMS - 1), -1)]
    assert [(wrong.words, wrong.count) for wrong in film_wrongs(films[3])] == [
        ("fracture not suspected", 1),
        ("body missed", 1),
        ("wrong level", 1),
    ]


def test_films_and_cts_of_one_call_have_a_page_each_that_leads_to_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console tells the measures; what splits them up is on the pages, or printed where it is asked for."""
    write_films(tmp_path / "mixed" / "films", GRADES)
    (tmp_path / "mixed" / "ct").mkdir()
    write_case(tmp_path / "mixed" / "ct", "patient", dict.fromkeys(LUMBAR, 0), contents="normal", anchors=[])
    told = Told({"patient": answer(*(finding(level, at) for at, level in enumerate(LUMBAR)))})
    monkeypatch.setattr(evaluate, "film_analyser", reader)
    monkeypatch.setattr(evaluate, "analyser", lambda: told)
    app, into = typer.Typer(), tmp_path / "results"
    evaluate.register(app)
    call = [str(tmp_path / "mixed"), "--into", str(into), "--json", str(tmp_path / "both.json")]
    first, all_tables = CliRunner().invoke(app, call), CliRunner().invoke(app, [*call, "--tables"])
    assert (first.exit_code, all_tables.exit_code) == (0, 0)
    pages = {name: (into / name).read_text(encoding="utf-8") for name in ("index.html", "films.html")}
    assert 'href="films.html"' in pages["index.html"]
    assert 'href="index.html"' in pages["films.html"]
    assert {"evaluation.json", "films.json"} <= {file.name for file in into.iterdir()}
    assert '"vfx-finder/films/1"' in (tmp_path / "both.json").read_text()
    assert "Against the targets" in first.output
    assert "--tables prints it" in first.output
    assert not [title for title in STRATA if title in first.output]
    assert all(title in all_tables.output for title in STRATA)
    assert "--tables prints it" not in all_tables.output
