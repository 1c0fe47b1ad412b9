"""A nurse writes down what the patient says, by keyboard; a reader meets cement and a radiograph."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import busy_day, spines
from tests.support.pages import Person
from vfx_finder.domain.finding import FILM_SUSPECTED, SCALE_AT_DETECTOR
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Referral

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


WIDE = 1366
"""Pixels of the screen in `tests/story/conftest.py`."""


def shot(person: Person, name: str) -> None:
    """A picture of the screen, for whoever looks at the pages by eye."""
    folder = os.environ.get("PICTURES_OF_TESTS")
    if folder:
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_the_answers_are_typed_and_the_pages_say_what_they_are(db: None, somebody: Callable[..., Person]) -> None:
    staff, now = busy_day.people(), datetime.now(UTC)
    for signed, found, days, steps in busy_day.SIGNED[3:5]:
        busy_day._signed(signed, found, (now - timedelta(days=days), staff, steps))
    filled = busy_day.Somebody(42, "AMARAL^RUI", "M", "19500811")
    film = busy_day.Somebody(41, "LINDQVIST^KARIN", "F", "19470417", "XR lumbar spine", "DX")
    busy_day.analysed(filled, now - timedelta(hours=3), spines.cemented({Level.T12: 2}))
    busy_day.analysed(
        film, now - timedelta(hours=1), spines.film({Level.T12: (FILM_SUSPECTED, SCALE_AT_DETECTOR, "research-film")})
    )
    then_the_nurse_answers_without_a_mouse(somebody("n.adams"))
    then_the_reader_is_told(somebody("dr.lee"))


def then_the_nurse_answers_without_a_mouse(nurse: Person) -> None:
    referral = Referral.objects.get(PatientName__startswith="OSEI")
    nurse.opens(f"/patients/{referral.pk}")
    shot(nurse, "contact-asked")
    nurse.page.get_by_label("How did it come about?").focus()
    nurse.types("H", "Tab", "O", "Tab", "N", "Tab", "Y", "Tab", "Y", "Tab", "7.5", "Enter")
    assert nurse.sees("Answers kept. Priority A.")
    assert nurse.sees("High-energy trauma: you decide")
    nurse.page.locator("#contact-title").scroll_into_view_if_needed()
    shot(nurse, "contact-answered")
    assert nurse.grave_barriers() == []
    assert nurse.complaints == []


def then_the_reader_is_told(reader: Person) -> None:
    shot(reader, "worklist")
    assert reader.sees("X-ray, research")
    assert reader.sees("On a radiograph, not graded: T12")
    reader.page.get_by_role("link", name="AMARAL, Rui").click()
    assert reader.sees("Cement in L1, as after a treated fracture: not graded.")
    shot(reader, "cement")
    assert reader.grave_barriers() == []
    reader.page.get_by_role("link", name="Worklist").first.click()
    reader.page.get_by_role("link", name="LINDQVIST, Karin").click()
    assert reader.sees("Not ready to sign.")
    answer = reader.page.locator("label.seg.no").first.bounding_box()
    assert answer is not None
    assert answer["x"] + answer["width"] < WIDE, "what must be answered lies on the screen"
    shot(reader, "film")
    assert reader.grave_barriers() == []
    assert reader.complaints == []
