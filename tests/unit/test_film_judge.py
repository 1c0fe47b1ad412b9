"""A film is never graded: a vertebra that lost height is suspected, with its loss; all else says why it is not."""

from dataclasses import replace

import pytest

from pipelines.steps.film_judge import judge_film
from pipelines.steps.judge import CUT
from pipelines.steps.material import METAL
from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis
from vfx_finder.domain.genant import NORMAL_SHAPE
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason

LEVELS = (Level.T11, Level.T12, Level.L1, Level.L2, Level.L3)


def spine(broken: Level | None = None, loss: float = 0.0) -> list[Vertebra]:
    made = []
    for n, level in enumerate(LEVELS):
        front, middle, back = (30 * part for part in NORMAL_SHAPE[level])
        keep = 1 - loss if level is broken else 1.0
        heights = Heights(front * keep, middle * keep, back)
        made.append(Vertebra(LevelEstimate(level, 0.95, {}), (100.0, 100.0 * n, 0.0), heights, (), None))
    return made


def test_a_plain_wedge_is_suspected_and_not_graded() -> None:
    findings, patient = judge_film(spine(Level.L1, 0.45), [0.01] * 5)
    wedge = findings[2]
    assert wedge.grade is None
    assert FILM_SUSPECTED in wedge.vertebra.flags
    assert wedge.unsuitable is not None
    assert wedge.unsuitable.reason is Reason.FILM_NOT_GRADED
    assert "please look" in wedge.unsuitable.detail
    assert wedge.probability_grade2plus is not None
    assert wedge.probability_grade2plus > 0.9
    assert patient.fracture_count == 0


def test_a_sound_spine_is_not_suspected_anywhere() -> None:
    findings, _ = judge_film(spine(), [0.01] * 5)
    assert not any(FILM_SUSPECTED in found.vertebra.flags for found in findings)
    assert all(found.loss is not None for found in findings)


@pytest.mark.parametrize(("flag", "reason"), [(CUT, Reason.CUT_BY_FIELD_OF_VIEW), (METAL, Reason.METAL)])
def test_what_cannot_be_trusted_is_neither_judged_nor_a_neighbour(flag: str, reason: Reason) -> None:
    vertebrae = spine(Level.L1, 0.45)
    vertebrae[2] = replace(vertebrae[2], flags=(flag,))
    finding = judge_film(vertebrae, [0.01] * 5)[0][2]
    assert finding.loss is None
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is reason


def test_readings_that_differ_too_much_suspect_nothing() -> None:
    finding = judge_film(spine(Level.L1, 0.45), [0.2] * 5)[0][2]
    assert FILM_SUSPECTED not in finding.vertebra.flags
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.PLANES_DISAGREE


def test_a_suspected_film_reaches_the_worklist_and_a_sound_one_does_not() -> None:
    def flagged(vertebrae: list[Vertebra]) -> int:
        findings, patient = judge_film(vertebrae, [0.01] * 5)
        return len(Analysis("DX", None, findings, patient, (), {}).flagged)

    assert flagged(spine(Level.L1, 0.45)) == 1
    assert flagged(spine()) == 0


def test_the_less_sure_a_measurement_the_more_must_be_lost_to_be_suspected() -> None:
    def is_suspected(loss: float, spread: float) -> bool:
        return FILM_SUSPECTED in judge_film(spine(Level.L1, loss), [spread] * 5)[0][2].vertebra.flags

    assert is_suspected(0.22, 0.02)
    assert not is_suspected(0.22, 0.09)
    assert not is_suspected(0.45, 0.15)
    assert is_suspected(0.65, 0.12)
