"""The pages on a busy day: the right people on the right lists, in the right order, and what may be done next."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.support import busy_day, spines
from vfx_finder.accounts.models import User
from vfx_finder.domain.finding import FILM_SUSPECTED, SCALE_AT_DETECTOR
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case, Referral

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def staff(django_db_setup: None, django_db_blocker: object) -> Iterator[dict[Role, User]]:
    """A busy day in the rows, made once for this page; every test changes it for itself alone."""
    with django_db_blocker.unblock():
        whole = transaction.atomic()
        whole.__enter__()
        people = busy_day.people(password=None)
        busy_day.fill(people)
    yield people
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        whole.__exit__(None, None, None)


@pytest.fixture
def day(staff: dict[Role, User], db: None) -> dict[Role, Client]:
    """Everybody signed in on a busy day."""
    clients = {role: Client() for role in staff}
    for role, client in clients.items():
        client.force_login(staff[role], backend="django.contrib.auth.backends.ModelBackend")
    return clients


def text(client: Client, name: str, *args: int) -> str:
    """The words of a page, without its markup."""
    html = client.get(reverse(name, args=args)).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def order(words: str, *names: str) -> bool:
    """Whether these names stand on the page in this order."""
    places = [words.find(name) for name in names]
    return -1 not in places and places == sorted(places)


def test_the_worklist_is_most_severe_first(day: dict[Role, Client]) -> None:
    words = text(day[Role.RADIOLOGIST], "worklist")
    assert order(words, "HARTLEY", "OKONKWO", "WHITFIELD", "DUNNE", "ROSSI")
    assert "ABBOTT" not in words
    assert "T8 grade 1, T12 grade 2, L1 grade 3" in words
    assert "age ?" in words


def test_a_radiograph_is_listed_as_one_and_never_as_grade_0(day: dict[Role, Client]) -> None:
    """Films stay switched off; should one come, no list says of it that there is no fracture."""
    who = busy_day.Somebody(41, "LINDQVIST^KARIN", "F", "19470417", "XR lumbar spine", "DX")
    case = busy_day.analysed(who, datetime.now(UTC), spines.film({Level.T12: (FILM_SUSPECTED, SCALE_AT_DETECTOR)}))
    words = text(day[Role.RADIOLOGIST], "worklist")
    line = words[words.index("LINDQVIST") :]
    assert "On a radiograph, not graded: T12" in line
    assert "no fracture" not in line
    worth = "Operating point films (research): flagged from a probability of 50%; not yet measured."
    assert worth in words
    assert "Operating point balanced: flagged from a probability of 25%" in words
    page = text(day[Role.RADIOLOGIST], "study", case.pk)
    assert "This is a radiograph (X-ray): a projection, read by a model that is an experiment." in page
    assert worth in page
    assert "Not ready to sign. T12: suspected on this radiograph" in page
    assert "no mm: scale of detector" in page
    picture = day[Role.RADIOLOGIST].get(reverse("study", args=[case.pk])).content.decode()
    assert picture.count("mark-asks") == 1
    assert "T12 suspected" in picture
    assert "No text yet: a suspicion on this radiograph is not answered." in page


def test_cement_stands_above_the_vertebrae_and_lists_no_study(day: dict[Role, Client]) -> None:
    who = busy_day.Somebody(42, "AMARAL^RUI", "M", "19500811")
    case = busy_day.analysed(who, datetime.now(UTC), spines.cemented({}))
    page = text(day[Role.RADIOLOGIST], "study", case.pk)
    assert "Cement in L1, as after a treated fracture: not graded. Software lists no study for cement alone" in page
    assert "AMARAL" not in text(day[Role.RADIOLOGIST], "worklist")


def test_the_worklist_says_how_the_probability_is_made_and_where_it_stops(day: dict[Role, Client]) -> None:
    assert "it stops at 99 %, because no measurement of this software supports more" in text(
        day[Role.RADIOLOGIST], "worklist"
    )


@pytest.mark.parametrize(("role", "page"), [(Role.RADIOLOGIST, "worklist"), (Role.OPERATOR, "system-health")])
def test_the_operating_point_stands_beside_what_follows_from_it(role: Role, page: str, day: dict[Role, Client]) -> None:
    worth = (
        "Operating point balanced: flagged from a probability of 25% and at every measured grade 3; not yet measured."
    )
    assert worth in text(day[role], page)


def test_the_queue_asks_first_then_goes_by_tier_index_and_days(day: dict[Role, Client]) -> None:
    words = text(day[Role.NURSE], "queue")
    assert order(words, "VAUGHAN", "FLEMING", "MORALES", "BARKER", "NAKAMURA", "PETERSEN", "OSEI")
    assert "6 days over" in words
    assert "16-week follow-up was due" in words


def test_a_patient_on_hold_can_be_asked_about_or_ended_and_nothing_else(day: dict[Role, Client]) -> None:
    referral = Referral.objects.get(PatientName__startswith="VAUGHAN")
    words = text(day[Role.NURSE], "patient", referral.pk)
    assert "Age in years on the day of the study" in words
    assert "Accept this referral" not in words
    assert "Not for FLS" in words


@pytest.mark.parametrize(("age", "state", "hold"), [("71", "new", ""), ("43", "not-for-fls", "age-unknown")])
def test_the_answered_age_lets_the_patient_go_on_or_sends_them_elsewhere(
    age: str, state: str, hold: str, day: dict[Role, Client]
) -> None:
    referral = Referral.objects.get(PatientName__startswith="VAUGHAN")
    day[Role.NURSE].post(reverse("patient-age", args=[referral.pk]), {"age": age})
    referral.refresh_from_db()
    assert (referral.state, referral.age) == (state, int(age))
    if state == "new":
        assert referral.hold == hold


def test_only_permitted_steps_are_offered_and_another_is_refused(day: dict[Role, Client]) -> None:
    referral = Referral.objects.get(PatientName__startswith="BARKER")
    nurse, move = day[Role.NURSE], reverse("patient-move", args=[referral.pk])
    words = text(nurse, "patient", referral.pk)
    assert "Accept this referral" in words
    assert "Assessment done" not in words
    assert nurse.post(move, {"to": "assessed"}).status_code == 409
    assert nurse.post(move, {"to": "accepted"}).status_code == 302
    referral.refresh_from_db()
    assert referral.state == "accepted"


@pytest.mark.parametrize("said", [{}, {"reason": "because"}])
def test_an_end_without_a_reason_changes_nothing(said: dict[str, str], day: dict[Role, Client]) -> None:
    referral = Referral.objects.get(PatientName__startswith="BARKER")
    answer = day[Role.NURSE].post(reverse("patient-move", args=[referral.pk]), {"to": "closed"} | said, follow=True)
    referral.refresh_from_db()
    assert referral.state == "new"
    assert "Choose a reason" in answer.content.decode()


def test_a_note_is_kept_as_written_and_not_as_markup(day: dict[Role, Client]) -> None:
    referral = Referral.objects.get(PatientName__startswith="BARKER")
    note = "Rang. <b>Prefers</b> mornings."
    answer = day[Role.NURSE].post(reverse("patient-note", args=[referral.pk]), {"text": note}, follow=True)
    assert "&lt;b&gt;Prefers&lt;/b&gt;" in answer.content.decode()


def test_the_patient_page_tells_the_story_from_the_first_image(day: dict[Role, Client]) -> None:
    referral = Referral.objects.get(PatientName__startswith="FLEMING")
    words = text(day[Role.NURSE], "patient", referral.pk)
    assert order(words, "New to accepted", "Referred to the Fracture Liaison Service", "First image received")
    assert "Min-ji Lee (radiologist)" in words


def test_every_study_that_was_not_analysed_stands_with_its_reason(day: dict[Role, Client]) -> None:
    words = text(day[Role.OPERATOR], "not-analysed")
    for reason in ("no X-ray model is installed", "No spine was found", "too thick", "a fault of the software"):
        assert reason in words
    assert "4 not analysed and seen to by nobody" in words


def test_the_operator_sees_every_study_but_no_names(day: dict[Role, Client]) -> None:
    words = text(day[Role.OPERATOR], "operations")
    for case in Case.objects.all():
        assert case.PatientID in words
        assert case.PatientName.split("^")[0] not in words


def test_a_failed_study_is_retried_from_its_line(day: dict[Role, Client]) -> None:
    case = Case.objects.get(state="failed")
    answer = day[Role.OPERATOR].post(reverse("operations-retry", args=[case.pk]), follow=True)
    case.refresh_from_db()
    assert case.state == "settled"
    assert "being analysed again" in answer.content.decode()


def test_a_signed_study_is_shown_as_it_was_signed_and_cannot_be_signed_again(day: dict[Role, Client]) -> None:
    case = Case.objects.get(PatientName__startswith="FLEMING")
    html = day[Role.RADIOLOGIST].get(reverse("study", args=[case.pk])).content.decode()
    assert "Signed by Min-ji Lee, " in html
    assert 'id="sign"' not in html
    again = {"analysis": case.analyses.get().pk}
    assert day[Role.RADIOLOGIST].post(reverse("study-sign", args=[case.pk]), again).status_code == 409


@pytest.mark.parametrize("name", ["ABBOTT", "KAUR", "GRANT"])
def test_a_study_that_nobody_reads_never_looks_like_a_normal_report(name: str, day: dict[Role, Client]) -> None:
    case = Case.objects.get(PatientName__startswith=name)
    words = text(day[Role.RADIOLOGIST], "study", case.pk)
    assert "confirmed on review" not in words
    assert "report text" not in words.lower()
    assert any(why in words for why in ("does not exclude a fracture", "read it in PACS"))


def test_the_picture_is_a_png_and_is_not_kept(day: dict[Role, Client]) -> None:
    case = Case.objects.get(PatientName__startswith="HARTLEY")
    answer = day[Role.RADIOLOGIST].get(reverse("study-picture", args=[case.pk]))
    assert answer.content.startswith(b"\x89PNG")
    assert "no-store" in answer["Cache-Control"]


def test_lists_cost_no_more_questions_the_longer_they_are(
    day: dict[Role, Client], django_assert_max_num_queries: object
) -> None:
    for role, name in ((Role.RADIOLOGIST, "worklist"), (Role.NURSE, "queue"), (Role.OPERATOR, "operations")):
        with django_assert_max_num_queries(8):
            day[role].get(reverse(name))
