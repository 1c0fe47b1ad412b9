"""Films with named corners: what counts as found, false, right and wrong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pipelines.evaluation.film_scores import FilmScores, film_scores
from pipelines.evaluation.films import film_result, film_truths, is_films
from vfx_finder.cli import evaluate
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis, Finding, Loss, PatientSummary, SagittalPicture
from vfx_finder.domain.spine import Drawing, Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

LEVELS = (Level.T12, Level.L1, Level.L2)
SIZE = (400, 300)


def box(row: float, col: float = 120.0) -> np.ndarray:
    return np.array([[row - 15, col - 20], [row - 15, col + 20], [row + 15, col - 20], [row + 15, col + 20]])


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    names = [f"{level}{corner}" for level in LEVELS for corner in ("TF", "TB", "BF", "BB")]
    points = [(col, row, 2) for n in range(3) for row, col in box(100 + 45 * n)]
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "1.png")
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps({
        "images": [{"id": 7, "file_name": "1.png"}, {"id": 8, "file_name": "absent.png"}],
        "categories": [{"keypoints": names}],
        "annotations": [
            {"image_id": image, "keypoints": np.array(points).flatten().tolist(), "grades": {"L1": 2, "L2": 0}}
            for image in (7, 8)
        ],
    }))  # fmt: skip
    return file


def test_masks_only_reads_no_films(annotations: Path) -> None:
    """Their folder may lie beside those of the masks."""
    app = typer.Typer()
    evaluate.register(app)
    done = CliRunner().invoke(app, [str(annotations.parent), "--masks-only"])
    assert (done.exit_code, "Nothing here can be evaluated" in done.output) == (2, True)


def finding(level: Level, row: float, *, mirrored: bool = False, suspected: bool = False) -> Finding:
    corners = box(row)
    if mirrored:
        corners = np.stack([corners[:, 0], SIZE[1] - 1 - corners[:, 1]], 1)
    at = [(float(col), float(row)) for row, col in corners]
    drawing = Drawing(tuple(at), ((at[0], at[2]), (at[0], at[2]), (at[1], at[3])))
    flags = (FILM_SUSPECTED,) if suspected else ()
    vertebra = Vertebra(LevelEstimate(level, 0.9, {}), (120.0, row, 0.0), Heights(30, 28, 30), flags, drawing)
    return Finding(vertebra, Loss(0.1, 0.1), None, None, 0.9 if suspected else 0.1)


def answer(*findings: Finding) -> Analysis:
    picture = SagittalPicture(b"", SIZE[1], SIZE[0], 1.0)
    return Analysis("DX", None, findings, PatientSummary(0, 0, 0, 0.0), (), {"total": 2.0}, picture=picture)


def told(scores: FilmScores) -> tuple[float | None, ...]:
    """Which fractures and films were suspected, and which films spared."""
    return scores.fractures_suspected.value, scores.films_suspected.value, scores.films_spared.value


def test_films_that_are_there_are_read_with_their_corners_and_grades(annotations: Path) -> None:
    assert is_films(annotations)
    (truth,) = film_truths(annotations)
    assert set(truth.corners) == set(LEVELS)
    assert truth.corners[Level.L1] == pytest.approx(box(145))
    assert truth.grades[Level.L1] == 2


def test_a_file_that_is_no_annotation_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    file.write_text("[]")
    with pytest.raises(Unreadable):
        film_truths(file)


@pytest.mark.parametrize("mirrored", [False, True])
def test_everything_right_is_scored_so_whichever_way_the_picture_was_held(annotations: Path, mirrored: bool) -> None:
    (truth,) = film_truths(annotations)
    found = [finding(level, 100 + 45 * n, mirrored=mirrored, suspected=n == 1) for n, level in enumerate(LEVELS)]
    scores = film_scores([film_result(truth, lambda _: answer(*found))])
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
    found = [finding(Level.T11, 100, suspected=True), finding(Level.L1, 145), finding(Level.L4, 300)]
    scores = film_scores([film_result(truth, lambda _: answer(*found))])
    assert scores.recall_lower.value == pytest.approx(2 / 3)
    assert scores.false_bodies.value == 1
    assert scores.level_right.value == 0.5
    assert scores.level_within_one.value == 1.0
    assert scores.falsely_suspected.value == 1.0
    assert scores.fractures_suspected.value == 0.0


def test_a_fracture_on_a_film_that_was_not_read_is_one_that_was_not_suspected(annotations: Path) -> None:
    """A film that is refused must not make the share of fractures found look better."""
    (truth,) = film_truths(annotations)
    refused = replace(answer(), unsuitable=Unsuitable(Reason.FILM_OF_CHEST, "a chest"), patient=None)
    scores = film_scores([film_result(truth, lambda _: refused)])
    assert scores.fractures_suspected.value == 0.0
    assert scores.films_suspected.value is None
    assert (scores.accepted.value, scores.refused) == (0.0, 1)


def test_a_film_without_a_fracture_that_is_suspected_is_not_spared(annotations: Path) -> None:
    (truth,) = film_truths(annotations)
    sound = replace(truth, grades=dict.fromkeys(truth.grades, 0))
    found = [finding(level, 100 + 45 * n, suspected=n == 0) for n, level in enumerate(LEVELS)]
    scores = film_scores([film_result(sound, lambda _: answer(*found))])
    assert (scores.fractures_suspected.value, scores.films_suspected.value, scores.films_spared.value) == (
        None,
        None,
        0.0,
    )
