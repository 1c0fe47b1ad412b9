"""What reaches the radiologist's worklist at each operating point, and what stands beside it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import spines
from vfx_finder.cli import _diagnosis, _operating_point
from vfx_finder.config import Settings
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.operating_point import BALANCED, ON_FILMS, OPERATING_POINTS, SCREENING, SPECIFIC, Measured
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason

ON_A_SET = Measured(0.25, 0.953, 0.972, 400, "scans of a synthetic set")


@given(st.floats(0.0, 0.8))
def test_balanced_is_grade_2_and_above_where_nothing_is_ambiguous(severity: float) -> None:
    """A severity of 25 % is a probability of one in four, so "balanced" and Genant's grade 2 are the same line."""
    graded, probability = genant.grade(severity), genant.probability_grade2plus(severity)
    assert BALANCED.flags(graded, probability) == (graded >= 2)


@given(st.integers(0, 3), st.floats(0.0, 1.0))
def test_what_a_stricter_point_flags_a_more_careful_one_flags_too(grade: int, probability: float) -> None:
    asked = [point.flags(grade, probability) for point in (SPECIFIC, BALANCED, SCREENING)]
    assert asked == sorted(asked)


@pytest.mark.parametrize(("point", "shown"), [(SCREENING, True), (BALANCED, False), (SPECIFIC, False)])
def test_a_measured_grade_2_that_is_probably_none_stays_where_grades_count(point, shown) -> None:
    assert point.flags(grade=2, probability=0.05) is shown


@pytest.mark.parametrize("point", OPERATING_POINTS.values())
def test_a_measured_grade_3_is_shown_whatever_it_resembles(point) -> None:
    assert point.flags(grade=3, probability=0.01)


def test_a_vertebra_that_was_not_graded_is_never_flagged() -> None:
    assert not any(point.flags(None, None) for point in OPERATING_POINTS.values())


def test_an_analysis_names_the_vertebrae_that_bring_it_to_the_worklist() -> None:
    found = spines.analysis({Level.T8: 1, Level.T12: 2, Level.L1: 3})
    assert _levels(found) == [Level.T12, Level.L1]
    doubtful = replace(found.findings[3], probability_grade2plus=0.15)
    screened = replace(found, findings=(doubtful,), operating_point=SCREENING)
    assert (doubtful.grade, _levels(screened)) == (1, [Level.T8])
    assert _levels(spines.not_analysed(Reason.NO_SPINE, "")) == []


def _levels(analysis: Analysis) -> list[Level]:
    return [found.vertebra.level.level for found in analysis.flagged]


def test_a_point_says_what_it_was_measured_at_and_that_this_is_no_evidence() -> None:
    words = BALANCED.with_measured(ON_A_SET).words
    assert words == (
        "Operating point balanced: flagged from a probability of 25% and at every measured grade 3; "
        "sensitivity 95.3%, specificity 97.2% per study "
        "(400 scans of a synthetic set: no clinical evidence)."
    )
    assert SCREENING.words.endswith("10% and at every measured grade 2 and 3; not yet measured.")
    assert ON_FILMS.words.endswith("50%; not yet measured.")


def test_a_measurement_made_with_another_threshold_says_nothing() -> None:
    assert SCREENING.with_measured(ON_A_SET) == SCREENING


def test_the_setting_chooses_the_point_and_the_model_card_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import catalogue

    row = {"threshold": 0.1, "sensitivity": 0.99, "specificity": 0.9, "n": 400, "on": "a set"}
    monkeypatch.setattr(catalogue, "card", lambda _: {"operating_points": {"screening": row}})
    point = _operating_point.chosen(Settings(operating_point="screening"))
    assert point == SCREENING.with_measured(Measured(**row))
    assert _operating_point.chosen(Settings()) == BALANCED
    assert "sensitivity 99.0%" in _diagnosis.operating_point(Settings(operating_point="screening")).found


def test_the_shipped_card_names_no_point_that_does_not_exist() -> None:
    """Numbers on the card of the installed model belong to a point, and to its threshold of today."""
    from models import catalogue

    card = catalogue.card("ct_spine").get("operating_points", {})
    assert {name: row["threshold"] for name, row in card.items()} == {
        name: OPERATING_POINTS[name].threshold for name in card
    }
