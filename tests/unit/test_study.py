"""From files to an answer: what is found is told in the patient's space, and silence is never called health."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import study
from pipelines.steps.facts import Located, Volume
from pipelines.steps.shape_facts import FACTS
from tests.support.ct_series import TRUNK, landmark_series, written
from tests.support.dicom import mr_slice, radiograph
from tests.support.locating import FIRST_ROW_LPS, PITCH, VERSION, ForbiddenShelf, NoNetworks, StandIn, bodies_of
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, Unsuitable

HEALTHY = [(24, 25), (25, 26), (26, 27), (27, 28), (28, 28)]
Answer = Located | Unsuitable | Callable[[Volume], Located | Unsuitable]


@pytest.fixture
def ct(tmp_path: Path) -> list[Path]:
    return written(landmark_series(), tmp_path / "ct")


def analysed(files: list[Path], answer: Answer, monkeypatch: pytest.MonkeyPatch, **more: object) -> Analysis:
    monkeypatch.setattr(study, "locate", StandIn(answer).locate)
    return study.analyse(files, NoNetworks(), **more)


def test_every_body_found_is_measured_numbered_and_placed(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = analysed(ct, bodies_of(HEALTHY), monkeypatch)
    assert analysis.unsuitable is None
    assert analysis.modality == "CT"
    assert analysis.models == (VERSION,)
    assert len(analysis.findings) == len(HEALTHY)
    for n, finding in enumerate(analysis.findings):
        assert finding.vertebra.centre_mm[0] == pytest.approx(FIRST_ROW_LPS[0])
        assert finding.vertebra.centre_mm[2] == pytest.approx(FIRST_ROW_LPS[2] - PITCH * (n + 1), abs=1.0)
        assert finding.vertebra.heights is not None
        assert finding.vertebra.heights.posterior == pytest.approx(HEALTHY[n][1], abs=1.0)


def test_a_wedged_vertebra_is_a_moderate_fracture(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    heights = [*HEALTHY[:2], (18, 27), *HEALTHY[3:]]
    analysis = analysed(ct, bodies_of(heights), monkeypatch)
    assert analysis.patient is not None
    assert analysis.patient.max_grade >= 2
    worst = max(analysis.findings, key=lambda finding: finding.grade or 0)
    assert worst is analysis.findings[2]
    assert worst.deformity == "wedge"


def test_the_model_says_how_probable_a_fracture_is_from_the_facts_of_each_body(
    ct: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[np.ndarray] = []

    def broken(_model: object, facts: np.ndarray) -> np.ndarray:
        asked.append(facts)
        return np.linspace(0.1, 0.2, len(facts))

    monkeypatch.setattr(NoNetworks._Model, "broken", broken)
    analysis = analysed(ct, bodies_of(HEALTHY), monkeypatch)
    (facts,) = asked
    assert facts.shape == (len(analysis.findings), len(FACTS))
    said = [one.probability_grade2plus for one in analysis.findings if one.grade is not None]
    assert said
    assert set(said) <= set(np.linspace(0.1, 0.2, len(facts)).tolist())


def test_a_body_that_is_probably_none_is_listed_with_its_reason_and_decides_nothing(
    ct: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second outline in the middle of a vertebra: told, never graded, and the others keep their numbers."""
    clean = bodies_of(HEALTHY)
    twin = replace(clean.bodies[2], centre=(clean.bodies[2].centre[0] + 12.0, clean.bodies[2].centre[1]))
    doubled = Located(clean.stack, (*clean.bodies[:3], twin, *clean.bodies[3:]))
    before, after = (analysed(ct, answer, monkeypatch) for answer in (clean, doubled))
    false = [one for one in after.findings if one.unsuitable and one.unsuitable.reason is Reason.NOT_A_VERTEBRA]
    assert len(false) == 1
    assert (false[0].grade, false[0].vertebra.heights) == (None, None)
    assert false[0].vertebra.drawing is not None
    kept = [one.vertebra.level.level for one in after.findings if one is not false[0]]
    assert kept == [one.vertebra.level.level for one in before.findings]


def test_two_bodies_are_a_spine(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    located = bodies_of(HEALTHY[:2])
    monkeypatch.setattr("pipelines.study.number", _lumbar)
    analysis = analysed(ct, located, monkeypatch)
    assert analysis.unsuitable is None
    assert len(analysis.findings) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_bodies_are_never_called_free_of_fracture(
    count: int, ct: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = analysed(ct, bodies_of(HEALTHY[:count]), monkeypatch)
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is Reason.NO_SPINE
    assert analysis.patient is None


def test_bodies_of_which_none_can_be_graded_are_never_called_free_of_fracture(
    ct: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = analysed(ct, bodies_of(HEALTHY[:3], cut=(0, 1, 2)), monkeypatch)
    assert analysis.unsuitable is not None
    assert analysis.patient is None
    assert len(analysis.findings) == 3, "they are still shown"


def test_a_cut_body_keeps_its_place_and_has_no_height(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = analysed(ct, bodies_of(HEALTHY, cut=(0,)), monkeypatch)
    first = analysis.findings[0]
    assert first.vertebra.heights is None
    assert "cut-by-field-of-view" in first.vertebra.flags
    assert first.grade is None
    assert first.unsuitable is not None


def test_vertebrae_at_a_missing_slice_are_remarked_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tall = replace(TRUNK, slices=170, step=(0.0, 0.0, 3.0))
    datasets = landmark_series(tall)
    third_body = FIRST_ROW_LPS[2] - 3 * PITCH
    gap = round(third_body / 3.0)
    analysis = analysed(written(datasets[:gap] + datasets[gap + 1 :], tmp_path), bodies_of(HEALTHY), monkeypatch)
    remarked = ["interpolated-slices" in finding.vertebra.flags for finding in analysis.findings]
    assert remarked == [False, False, True, False, False]


def test_the_picture_shows_bone_where_the_drawing_says(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    located = bodies_of(HEALTHY)
    picture = analysed(ct, located, monkeypatch).picture
    assert picture is not None
    grey = np.asarray(Image.open(BytesIO(picture.png)))
    assert grey.shape == (picture.height, picture.width) == located.stack.hu.shape[1:]
    assert picture.mm_per_pixel == 1.0
    row, column = located.bodies[2].centre
    assert grey[round(row), round(column)] > grey[round(row) - PITCH // 2, round(column)]
    analysis = analysed(ct, located, monkeypatch)
    for finding in analysis.findings:
        assert finding.vertebra.drawing is not None
        outline = np.array(finding.vertebra.drawing.outline)
        assert (outline >= 0).all()
        assert (outline < [picture.width, picture.height]).all()


def test_the_answer_of_the_locating_step_is_passed_on(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    why = Unsuitable(Reason.NO_SPINE, "No row of vertebral bodies was found.")
    analysis = analysed(ct, why, monkeypatch)
    assert analysis.unsuitable == why
    assert analysis.models == (VERSION,), "it was this model that found nothing"
    assert [verdict.unsuitable for verdict in analysis.series] == [why]


def test_the_next_best_series_is_tried_where_the_best_shows_no_spine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = landmark_series(series="thin")
    sharp = landmark_series(series="sharp", ConvolutionKernel="BONE")
    files = written([*thin, *sharp], tmp_path)
    why = Unsuitable(Reason.NO_SPINE, "nothing")
    answers = iter([why, bodies_of(HEALTHY)])
    analysis = analysed(files, lambda _volume: next(answers), monkeypatch)
    assert analysis.unsuitable is None
    assert {v.SeriesDescription: v.unsuitable for v in analysis.series} == {"thin": why, "sharp": None}


def test_the_next_best_series_is_tried_where_the_best_cannot_be_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = landmark_series(series="thin", PixelData=b"\0\0")
    files = written([*thin, *landmark_series(series="sharp", ConvolutionKernel="BONE")], tmp_path)
    analysis = analysed(files, bodies_of(HEALTHY), monkeypatch)
    assert analysis.unsuitable is None
    reasons = {v.SeriesDescription: v.unsuitable.reason if v.unsuitable else None for v in analysis.series}
    assert reasons == {"thin": Reason.UNREADABLE, "sharp": None}


@pytest.mark.parametrize(("image", "reason"), [(mr_slice, Reason.MODALITY), (radiograph, Reason.NO_XRAY_MODEL)])
def test_networks_are_not_loaded_for_what_is_not_analysed(
    image: Callable[[], object], reason: Reason, tmp_path: Path
) -> None:
    analysis = study.analyse(written([image()], tmp_path), ForbiddenShelf())  # type: ignore[list-item]
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is reason
    assert analysis.models == ()


def test_time_is_told_for_every_step(ct: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    analysis = analysed(ct, bodies_of(HEALTHY), monkeypatch, progress=lambda step, share: told.append((step, share)))
    assert set(analysis.seconds) == {"read", "locate", "measure", "total"}
    assert sum(analysis.seconds[step] for step in study.STEPS) <= analysis.seconds["total"]
    assert [step for step, _ in told] == ["read", "read", "locate", "measure", "done"]
    assert [share for _, share in told] == sorted(share for _, share in told)


def _lumbar(bodies: tuple[object, ...], _stack: object) -> object:
    from pipelines.steps.label import Numbering
    from vfx_finder.domain.spine import LevelEstimate

    levels = (Level.L4, Level.L5)[: len(bodies)]
    return Numbering(tuple(LevelEstimate(level, 0.9, {level: 0.9}) for level in levels), ((),) * len(levels))
