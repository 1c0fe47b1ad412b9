"""Films with named corners: what counts as found, false, right and wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pipelines.evaluation.film_picture import WAYS, Held
from pipelines.evaluation.film_scores import FilmScores, film_judged, film_scores
from pipelines.evaluation.films import FilmTruth, film_result, film_truths, is_films
from pipelines.steps.film_way import Way
from tests.support.film_sets import AT, LEVELS, SIZE, analysis, box, refused, said, write_films
from vfx_finder.cli import evaluate
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.spine import Level


def scores_of(truth: FilmTruth, answer: Analysis) -> FilmScores:
    result, _ = film_result(truth, lambda _: answer)
    return film_scores([result])


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    return write_films(tmp_path, {"1.png": {"L1": 2, "L2": 0}}, absent=("absent.png",))


def test_masks_only_reads_no_films(annotations: Path) -> None:
    """Their folder may lie beside those of the masks."""
    app = typer.Typer()
    evaluate.register(app)
    done = CliRunner().invoke(app, [str(annotations.parent), "--masks-only"])
    assert (done.exit_code, "Nothing here can be evaluated" in done.output) == (2, True)


def told(scores: FilmScores) -> tuple[float | None, ...]:
    """Which fractures and films were suspected, and which films spared."""
    return scores.fractures_suspected.value, scores.films_suspected.value, scores.films_spared.value


def test_films_that_are_there_are_read_with_their_corners_and_grades(annotations: Path) -> None:
    assert is_films(annotations)
    (truth,) = film_truths(annotations)
    assert set(truth.corners) == set(LEVELS)
    assert truth.corners[Level.L1] == pytest.approx(box(AT[Level.L1]))
    assert truth.grades[Level.L1] == 2


def test_a_file_that_is_no_annotation_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    file.write_text("[]")
    with pytest.raises(Unreadable):
        film_truths(file)


@pytest.mark.parametrize("mirrored", [False, True])
def test_everything_right_is_scored_so_whichever_way_the_picture_was_held(annotations: Path, mirrored: bool) -> None:
    (truth,) = film_truths(annotations)
    found = [said(level, 100 + 45 * n, mirrored=mirrored, suspected=n == 1) for n, level in enumerate(LEVELS)]
    scores = scores_of(truth, analysis(*found))
    assert scores.recall_lower.value == 1.0
    assert scores.level_right.value == 1.0
    assert scores.corner_error.value == pytest.approx(0.0, abs=1e-6)
    assert scores.ratio_error.value == pytest.approx(0.0)
    assert scores.falsely_suspected.value == 0.0
    assert scores.auc_vertebra.value == 1.0
    assert scores.false_bodies.value == 0
    assert (scores.fractures_suspected.value, scores.films_suspected.value, scores.films_spared.value) == (
        1.0,
        1.0,
        None,
    )


def test_a_missed_a_false_and_a_wrongly_named_body_each_count(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    found = [said(Level.T11, 100, suspected=True), said(Level.L1, 145), said(Level.L4, 300)]
    scores = scores_of(truth, analysis(*found))
    assert scores.recall_lower.value == pytest.approx(2 / 3)
    assert scores.false_bodies.value == 1
    assert scores.level_right.value == 0.5
    assert scores.level_within_one.value == 1.0
    assert scores.falsely_suspected.value == 1.0
    assert scores.fractures_suspected.value == 0.0


def test_a_fracture_on_a_film_that_was_not_read_is_one_that_was_not_suspected(annotations: Path) -> None:
    """A film that is refused must not make the share of fractures found look better."""
    (truth,) = film_truths(annotations)
    scores = scores_of(truth, refused())
    assert scores.fractures_suspected.value == 0.0
    assert scores.films_suspected.value is None
    assert (scores.accepted.value, scores.refused) == (0.0, 1)


def test_a_film_without_a_fracture_that_is_suspected_is_not_spared(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    sound = replace(truth, grades=dict.fromkeys(truth.grades, 0))
    found = [said(level, 100 + 45 * n, suspected=n == 0) for n, level in enumerate(LEVELS)]
    scores = scores_of(sound, analysis(*found))
    assert (scores.fractures_suspected.value, scores.films_suspected.value, scores.films_spared.value) == (
        None,
        None,
        0.0,
    )


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_point_of_the_film_lies_on_the_picture_where_its_pixel_does(way: Way) -> None:
    grey = np.zeros(SIZE, np.float32)
    grey[200, 40] = 1.0
    row, col = np.argwhere(way.of(grey) == 1.0)[0]
    held = Held(way, 2.0, SIZE)
    assert held.in_picture(np.array([[200.0, 40.0]])) == pytest.approx(np.array([[row, col]]) / 2)
    assert held.on_film(np.array([[row, col]]) / 2) == pytest.approx(np.array([[200.0, 40.0]]))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("scale", "size"), [(1, (300, 400)), (4, (750, 1000))])
def test_what_was_found_is_drawn_over_its_true_corners_however_the_picture_is_held(
    annotations: Path, mirrored: bool, scale: int, size: tuple[int, int]
) -> None:
    (truth,) = film_truths(annotations)
    found = [said(level, AT[level], mirrored=mirrored, scale=scale) for level in LEVELS]
    result, picture = film_result(truth, lambda _: analysis(*found, scale=scale))
    assert picture is not None
    assert picture.startswith(b"\xff\xd8")
    assert result.picture == size
    body = result.bodies[1]
    # mirroring is about the middle of a pixel, which is as wide as the picture is large
    assert np.array(body.outline) == pytest.approx(np.array(body.true_outline), abs=0.1 if scale == 1 else 2.0)
    assert (body.true_outline[0][0] > size[0] / 2) is mirrored


def test_a_film_that_was_refused_is_shown_as_it_was_given_with_its_true_corners(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    result, picture = film_result(truth, lambda _: refused())
    assert picture is not None
    assert result.picture == (SIZE[1], SIZE[0])
    assert np.array(result.bodies[0].true_outline) == pytest.approx(box(100)[[0, 1, 3, 2], ::-1])
    assert result.bodies[0].outline == ()


def test_a_film_that_cannot_be_shown_has_no_picture(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    truth.film.write_bytes(b"no picture")
    result, picture = film_result(truth, lambda _: refused())
    assert (picture, result.picture, result.bodies[0].true_outline) == (None, None, ())


def test_large_films_are_shown_small(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    with Image.open(truth.film) as film:
        film.resize((1500, 2000)).save(truth.film)
    result, picture = film_result(truth, lambda _: refused())
    assert picture is not None
    assert (result.picture, len(picture) < 400_000) == ((750, 1000), True)
    assert result.bodies[0].true_outline[0] == pytest.approx((50.0, 42.5), abs=0.1)


def test_a_film_is_suspected_by_whatever_stands_on_its_list_a_false_body_too(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    sound = replace(truth, grades=dict.fromkeys(truth.grades, 0))
    found = [*(said(level, 100 + 45 * n) for n, level in enumerate(LEVELS)), said(Level.L4, 300, suspected=True)]
    result, _ = film_result(sound, lambda _: analysis(*found))
    assert [stray.suspected for stray in result.strays] == [True]
    assert film_judged(result) == (result.strays[0].probability, False)
    assert film_scores([result]).films_spared.value == 0.0


def test_a_fracture_above_the_levels_that_films_are_read_for_makes_no_film_a_positive_one(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    upper = replace(truth, corners={Level.T2: truth.corners[Level.L1]}, grades={Level.T2: 3})
    result, _ = film_result(upper, lambda _: analysis(said(Level.T2, 145)))
    assert film_judged(result)[1] is False
