"""A film is never graded: a vertebra that lost height is suspected, with its loss; all else says why it is not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.steps.film_judge import FILM_RULE, Evidence, judge_film, probability
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


def evidence(spread: float = 0.01, broken: float = 0.5) -> list[Evidence]:
    """The same of every vertebra; by default the measurement is sure and the look says nothing."""
    return [Evidence(spread, (20 * spread,) * 3, broken)] * len(LEVELS)


def is_suspected(loss: float, spread: float = 0.01, broken: float = 0.5) -> bool:
    finding = judge_film(spine(Level.L1, loss), evidence(spread, broken))[0][2]
    return FILM_SUSPECTED in finding.vertebra.flags


def test_a_plain_wedge_is_suspected_and_not_graded() -> None:
    findings, patient = judge_film(spine(Level.L1, 0.45), evidence(broken=0.9))
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
    findings, _ = judge_film(spine(), evidence())
    assert not any(FILM_SUSPECTED in found.vertebra.flags for found in findings)
    assert all(found.loss is not None for found in findings)


@pytest.mark.parametrize(("flag", "reason"), [(CUT, Reason.CUT_BY_FIELD_OF_VIEW), (METAL, Reason.METAL)])
def test_what_cannot_be_trusted_is_neither_judged_nor_a_neighbour(flag: str, reason: Reason) -> None:
    vertebrae = spine(Level.L1, 0.45)
    vertebrae[2] = replace(vertebrae[2], flags=(flag,))
    finding = judge_film(vertebrae, evidence())[0][2]
    assert finding.loss is None
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is reason


def test_end_plates_that_cannot_be_told_leave_a_vertebra_unjudged() -> None:
    finding = judge_film(spine(Level.L1, 0.3), evidence(0.3))[0][2]
    assert FILM_SUSPECTED not in finding.vertebra.flags
    assert finding.probability_grade2plus is None
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.PLANES_DISAGREE


def test_what_plainly_looks_sound_is_called_so_although_its_end_plates_are_unsure() -> None:
    finding = judge_film(spine(Level.L1, 0.2), evidence(0.12, broken=0.001))[0][2]
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.FILM_NOT_GRADED
    assert finding.probability_grade2plus is not None
    assert finding.probability_grade2plus < FILM_RULE.cleared


def test_a_suspected_film_reaches_the_worklist_and_a_sound_one_does_not() -> None:
    def flagged(vertebrae: list[Vertebra]) -> int:
        findings, patient = judge_film(vertebrae, evidence())
        return len(Analysis("DX", None, findings, patient, (), {}).flagged)

    assert flagged(spine(Level.L1, 0.45)) == 1
    assert flagged(spine()) == 0


def test_the_less_sure_a_measurement_the_more_the_look_decides() -> None:
    assert not is_suspected(0.25, 0.01, broken=0.3)
    assert is_suspected(0.25, 0.01, broken=0.8)
    assert not is_suspected(0.45, 0.3, broken=0.05)
    assert is_suspected(0.45, 0.3, broken=0.99)


def test_a_severe_loss_that_is_surely_measured_is_suspected_whatever_the_look() -> None:
    assert is_suspected(0.45, 0.01, broken=0.0001)
    assert not is_suspected(0.45, 0.08, broken=0.0001)
    plain = judge_film(spine(Level.L1, 0.45), evidence(0.01, broken=0.0001))[0][2]
    assert plain.probability_grade2plus == FILM_RULE.suspected


def test_the_look_alone_suspects_nothing_without_a_loss_of_height() -> None:
    assert not is_suspected(0.0, 0.01, broken=0.9999)
    assert not is_suspected(0.0, 0.3, broken=0.9999)


@given(st.floats(0, 0.7), st.floats(0, 0.4), st.floats(0, 1), st.floats(0.01, 0.2))
def test_more_loss_or_a_worse_look_never_makes_a_fracture_less_likely(
    severity: float, spread: float, broken: float, more: float
) -> None:
    before = probability(severity, Evidence(spread, (0, 0, 0), broken))
    assert 0 <= before <= 1
    assert probability(severity + more, Evidence(spread, (0, 0, 0), broken)) >= before
    assert probability(severity, Evidence(spread, (0, 0, 0), min(1.0, broken + more))) >= before


def test_a_suspicion_says_how_much_was_lost_and_which_shape_that_may_be() -> None:
    wedge = judge_film(spine(Level.L1, 0.45), evidence(0.05))[0][2]
    assert wedge.deformity is not None
    assert wedge.unsuitable is not None
    assert "measured loss" in wedge.unsuitable.detail
    assert wedge.deformity.value in wedge.unsuitable.detail
