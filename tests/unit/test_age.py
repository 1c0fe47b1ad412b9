"""How old the patient was on the day of the study: said, counted, or asked for; never guessed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_finder.domain.age import age_at_study, parse_age, parse_date
from vfx_finder.domain.study import Patient


def patient(birth: str = "", age: str = "") -> Patient:
    return Patient(PatientID="P1", PatientBirthDate=birth, PatientAge=age)


@pytest.mark.parametrize(
    ("birth", "age", "study", "years"),
    [
        ("19560301", "", "20260228", 69),
        ("19560301", "", "20260301", 70),
        ("1956.03.01", "", "20260301", 70),
        ("", "049Y", "20260301", 49),
        ("", "049Y", "", 49),
        ("19560301", "070Y", "20260301", 70),
        ("19560301", "069Y", "20260301", 70),
        ("", "018M", "20260301", 1),
        ("", "600M", "", 50),
        ("19560301", "", "", None),
        ("", "", "20260301", None),
        ("19561301", "", "20260301", None),
        ("nonsense", "abc", "20260301", None),
        ("", "49", "20260301", None),
        ("", "49Y", "20260301", None),
        ("", "049y", "20260301", None),
        ("20270101", "", "20260301", None),
        ("18000101", "", "20260301", None),
        ("18000101", "064Y", "20260301", 64),
        ("", "999Y", "20260301", None),
    ],
)
def test_age_from_the_headers(birth: str, age: str, study: str, years: int | None) -> None:
    assert age_at_study(patient(birth, age), study) == years


def test_headers_that_contradict_each_other_are_asked_about() -> None:
    assert age_at_study(patient("19800101", "070Y"), "20260301") is None


def test_someone_born_on_a_leap_day_turns_fifty_on_the_first_of_march() -> None:
    assert age_at_study(patient("19760229"), "20260228") == 49
    assert age_at_study(patient("19760229"), "20260301") == 50


@given(st.text(max_size=12), st.text(max_size=6), st.text(max_size=12))
def test_no_header_however_broken_raises_or_gives_an_impossible_age(birth: str, age: str, study: str) -> None:
    years = age_at_study(patient(birth, age), study)
    assert years is None or 0 <= years <= 120


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)), st.integers(0, 40000))
def test_counted_years_never_run_ahead_of_the_calendar(birth: date, days: int) -> None:
    study = birth + timedelta(days=days)
    years = age_at_study(patient(f"{birth:%Y%m%d}"), f"{study:%Y%m%d}")
    assert years is not None
    assert years * 365.2 <= days < (years + 1) * 365.25 + 2


@given(st.dates(date(1000, 1, 1)))
def test_every_date_is_read_as_it_is_written(day: date) -> None:
    assert parse_date(f"{day:%Y%m%d}") == day


@given(st.integers(0, 120))
def test_every_age_in_years_is_read_as_it_is_written(years: int) -> None:
    assert parse_age(f"{years:03d}Y") == years
