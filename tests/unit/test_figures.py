"""The drawings: nothing hidden, nothing on top of each other, and the same in words."""

import datetime as dt
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import spines
from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.spine import GRADED_LEVELS, Drawing, Heights, Level
from vfx_finder.domain.study import Patient
from vfx_finder.figures.clock import clock
from vfx_finder.figures.people import Person, person_aged, plain_date, written_name
from vfx_finder.figures.sagittal import Mark, figure
from vfx_finder.figures.strip import strip


def person(patient: Patient, StudyDate: str) -> Person:
    """With the age on the day of the study."""
    return person_aged(patient, age_at_study(patient, StudyDate))


def _mark(index: int, top: float, grade: int | None = 2) -> Mark:
    square = Drawing(
        ((40, top), (70, top), (70, top + 20), (40, top + 20)),
        (((43, top), (43, top + 20)), ((55, top), (55, top + 20)), ((67, top), (67, top + 20))),
    )
    return Mark(index, Level.L1, grade, square, Heights(18.24, 15.1, 24.0))


def test_a_flagged_vertebra_shows_its_three_heights_and_numbers() -> None:
    (mark,) = figure(200, 500, [_mark(0, 100)]).marks
    assert [line.letter for line in mark.heights] == ["a", "m", "p"]
    assert mark.callout is not None
    assert (mark.callout.title, mark.callout.numbers) == ("L1 grade 2", "18.2  15.1  24.0 mm")


@pytest.mark.parametrize("grade", [0, None])
def test_an_intact_or_ungraded_vertebra_is_outlined_and_numbered_only(grade: int | None) -> None:
    (mark,) = figure(200, 500, [_mark(0, 100, grade)]).marks
    assert (mark.level, mark.heights, mark.callout) == ("L1", (), None)


def test_a_vertebra_suspected_on_a_film_stands_out_until_it_is_answered() -> None:
    suspected = replace(_mark(0, 100, None), suspected=True, heights=None)
    (open_one,), (rejected,), (graded,) = (
        figure(200, 500, [mark]).marks
        for mark in (suspected, replace(suspected, rejected=True), replace(suspected, grade=2))
    )
    assert open_one.asks
    assert open_one.callout is not None
    assert (open_one.callout.title, open_one.callout.numbers) == ("L1 suspected", "not graded")
    assert len(open_one.heights) == 3
    assert rejected.callout is not None
    assert (rejected.asks, rejected.callout.title) == (False, "L1 rejected")
    assert graded.callout is not None
    assert (graded.asks, graded.callout.title) == (False, "L1 grade 2")


def test_a_vertebra_without_drawing_is_named_and_not_lost() -> None:
    assert figure(200, 500, [Mark(0, "T4", 0, None, None)]).undrawn == ("T4",)


@given(st.lists(st.floats(0, 480), min_size=2, max_size=9))
def test_callouts_never_lie_on_each_other_and_stay_on_the_picture(tops: list[float]) -> None:
    drawn = figure(200, 500, [_mark(index, top) for index, top in enumerate(tops)])
    ys = sorted(mark.callout.y for mark in drawn.marks if mark.callout)
    assert all(lower - upper >= 2.2 * drawn.em for upper, lower in itertools.pairwise(ys))
    assert ys[-1] <= 500 - drawn.em


def test_words_stand_beside_the_picture_and_never_on_bone() -> None:
    analysis = spines.analysis({Level.T12: 2})
    marks = [
        Mark(i, f.vertebra.level.level, f.grade, f.vertebra.drawing, None) for i, f in enumerate(analysis.findings)
    ]
    drawn = figure(200, 515, marks)
    assert all(mark.label_x < 0 for mark in drawn.marks)
    assert all(mark.callout.x > 200 for mark in drawn.marks if mark.callout)


def test_a_fractured_vertebra_is_lower_in_the_strip_the_worse_it_is() -> None:
    heights = [strip({Level.L1: grade}).cells[9].height for grade in (1, 2, 3)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] < strip({}, {Level.L1}).cells[9].height


def test_the_strip_says_the_same_in_words_and_tells_unseen_from_intact() -> None:
    drawn = strip({Level.L1: 3, Level.T12: 2, Level.T5: 0}, {Level.T5, Level.T6})
    assert drawn.words == "T12 grade 2, L1 grade 3"
    grades = {cell.level: cell.grade for cell in drawn.cells}
    assert (grades["T4"], grades["T5"], grades["T6"], grades["L1"]) == (None, 0, 0, 3)
    assert len(drawn.cells) == len(GRADED_LEVELS) - 1  # T13 only in a spine that has one
    assert strip({}).words == "no fracture"


@pytest.mark.parametrize(
    ("left", "pace", "words"),
    [(89, "fine", "89 days left"), (30, "soon", "30 days left"), (0, "soon", "last day"), (-1, "late", "1 day over")],
)
def test_the_clock_runs_to_ninety_days(left: int, pace: str, words: str) -> None:
    drawn = clock(left)
    assert (drawn.pace, drawn.words) == (pace, words)
    assert 0 <= drawn.filled <= drawn.width


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("DOE^JANE^MARY^DR", "DOE, Jane Mary"),
        ("de Vries^Anna", "de Vries, Anna"),
        ("Yamada^Tarou=山田^太郎", "Yamada, Tarou"),
        ("", ""),
    ],
)
def test_names_are_written_family_first(sent: str, written: str) -> None:
    assert written_name(sent) == written


def test_a_patient_without_an_age_says_so() -> None:
    nobody = person(Patient("P7", PatientName="", PatientSex=""), "20261120")
    assert (nobody.name, nobody.age_sex, nobody.age_unknown) == ("P7", "age ?, sex not stated", True)
    known = person(Patient("P7", PatientSex="F", PatientBirthDate="19501121"), "20261120")
    assert known.age_sex == "75 y, woman"


def test_dates_are_written_without_doubt_about_day_and_month() -> None:
    assert plain_date(dt.date(2026, 3, 4)) == "4 Mar 2026"
