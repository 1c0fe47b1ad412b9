"""A radiologist reads and signs by keyboard alone; the patient then stands in the nurse's queue."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from tests.support import busy_day
from tests.support.pages import Person
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case, Referral, SignedReview

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Somebody = Callable[..., Person]
HARTLEY, ROSSI = busy_day.WAITING[0], busy_day.WAITING[3]


@pytest.fixture
def two_waiting(db: None) -> None:
    """A severe and a moderate suspected fracture, and people to read them."""
    busy_day.people()
    for who, grades, _ in (HARTLEY, ROSSI):
        busy_day.flagged(who, busy_day.datetime.now(busy_day.UTC) - busy_day.timedelta(hours=2), grades)


def test_from_worklist_to_queue_by_keyboard_alone(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    when_the_mild_one_is_rejected_as_a_schmorl_node(reader)
    when_it_is_signed_with_one_key(reader)
    then_the_next_study_is_on_the_screen(reader)
    then_the_signature_says_what_was_decided()
    then_the_nurse_finds_the_patient_and_accepts(somebody("n.adams"))
    assert not reader.complaints


def given_a_radiologist_at_the_worklist(somebody: Somebody) -> Person:
    reader = somebody("dr.lee")
    assert reader.sees("2 waiting to be read")
    return reader


def when_the_first_study_is_opened(reader: Person) -> None:
    reader.presses("j", "Enter")
    assert reader.has_study_open("HARTLEY, Margaret")
    assert reader.level_here == "L1"
    assert reader.is_asked_to_sign(
        "You sign: vertebral fractures T12 grade 2, L1 grade 3. Not decided, not signed: T8."
    )


def when_the_mild_one_is_rejected_as_a_schmorl_node(reader: Person) -> None:
    reader.presses(*"kkkkk")
    assert reader.level_here == "T8"
    reader.presses("x")
    assert reader.sees("Not ready to sign.")
    reader.chooses("Schmorl")
    reader.presses("Enter")
    assert reader.is_asked_to_sign("You sign: vertebral fractures T12 grade 2, L1 grade 3. Rejected: T8.")


def when_it_is_signed_with_one_key(reader: Person) -> None:
    reader.presses("Enter")


def then_the_next_study_is_on_the_screen(reader: Person) -> None:
    assert reader.has_study_open("ROSSI, Elena")
    assert reader.sees("Signed: HARTLEY, Margaret. Fracture Liaison Service.")


def then_the_signature_says_what_was_decided() -> None:
    signed = SignedReview.objects.get()
    assert (signed.grades, signed.route, signed.signed_name) == ({"T12": 2, "L1": 3}, "fls", "Min-ji Lee")
    rejected = [one for one in signed.document["vertebrae"] if one["decision"] == "rejected"]
    assert [(one["level"], one["reason"]) for one in rejected] == [("T8", "schmorl-node")]


def then_the_nurse_finds_the_patient_and_accepts(nurse: Person) -> None:
    assert nurse.sees("T12 grade 2, L1 grade 3")
    nurse.presses("j", "Enter")
    assert nurse.sees("Min-ji Lee")
    nurse.page.get_by_role("button", name="Accept this referral").press("Enter")
    assert nurse.sees("Patient contacted")
    assert Referral.objects.get().state == "accepted"
    assert not nurse.complaints


def test_a_key_held_down_does_not_sign_the_next_study_unread(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    reader.page.wait_for_timeout(800)
    reader.page.keyboard.down("Enter")
    assert reader.has_study_open("ROSSI, Elena")
    for _ in range(4):
        reader.page.keyboard.down("Enter")
        reader.page.wait_for_timeout(300)
    reader.page.keyboard.up("Enter")
    assert reader.has_study_open("ROSSI, Elena")
    assert SignedReview.objects.count() == 1


def test_levels_shift_together_and_single_keys_can_be_switched_off(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    reader.presses("]")
    assert reader.is_asked_to_sign("You sign: vertebral fractures L1 grade 2, L2 grade 3. Not decided, not signed: T9.")
    reader.page.get_by_label("single-key shortcuts").uncheck()
    reader.presses("[", "s")
    reader.page.wait_for_timeout(500)
    assert reader.is_asked_to_sign("You sign: vertebral fractures L1 grade 2, L2 grade 3. Not decided, not signed: T9.")
    assert not SignedReview.objects.exists()


def test_the_essential_way_works_without_scripts(two_waiting: None, somebody: Somebody) -> None:
    reader = somebody("dr.lee", scripts=False)
    reader.page.get_by_role("link", name="HARTLEY, Margaret").click()
    reader.page.locator("tr", has_text="16.0").get_by_role("radio", name="Reject").check(force=True)
    reader.page.get_by_label("Why T8 is rejected").select_option("schmorl-node")
    reader.page.get_by_role("button", name="Update the draft").last.click()
    assert reader.is_asked_to_sign("You sign: vertebral fractures T12 grade 2, L1 grade 3. Rejected: T8.")
    reader.page.get_by_role("button", name="Sign, next study").click()
    assert reader.sees("Signed: HARTLEY, Margaret. Fracture Liaison Service.")


def test_another_reader_was_faster(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    Case.objects.filter(PatientName__startswith="HARTLEY").update(state="reviewed")
    reader.page.get_by_role("button", name="Sign, next study").click()
    assert reader.sees("This has moved on")


def test_no_page_stands_in_anybodys_way_or_asks_the_outside(db: None, somebody: Somebody) -> None:
    staff = busy_day.people()
    busy_day.fill(staff)
    waiting, failed = Case.objects.get(PatientName__startswith="HARTLEY"), Case.objects.get(state="failed")
    on_hold, accepted = (Referral.objects.get(PatientName__startswith=name) for name in ("VAUGHAN", "FLEMING"))
    rounds = {
        "dr.lee": ["/worklist", "/signed", reverse("study", args=[waiting.pk]), "/intended-use", "/queue"],
        "n.adams": ["/queue", reverse("patient", args=[on_hold.pk]), reverse("patient", args=[accepted.pk])],
        "ops": [
            "/operations",
            "/operations/not-analysed",
            reverse("operations-study", args=[failed.pk]),
            "/operations/health",
        ],
    }
    barriers = {}
    for name, addresses in rounds.items():
        person = somebody(name)
        for address in addresses:
            person.opens(address)
            barriers[name, address] = person.grave_barriers()
        assert all(url.startswith((person.home, "data:")) for url in person.asked)
        refused = [said for said in person.complaints if "403" not in said]  # /queue is the nurse's
        assert not refused
    assert {where: found for where, found in barriers.items() if found} == {}


def test_a_mild_flag_counts_once_the_reader_confirms_it(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    reader.presses(*"kkkkk", "c")
    assert reader.is_asked_to_sign("You sign: vertebral fractures T8 grade 1, T12 grade 2, L1 grade 3.")


def test_the_pages_fit_a_small_and_a_large_screen(two_waiting: None, somebody: Somebody) -> None:
    reader = somebody("dr.lee")
    case = Case.objects.get(PatientName__startswith="HARTLEY")
    for width, height in ((1366, 768), (1920, 1080)):
        reader.page.set_viewport_size({"width": width, "height": height})
        reader.opens(reverse("study", args=[case.pk]))
        assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sign = reader.page.get_by_role("button", name="Sign, next study").bounding_box()
        assert sign["y"] + sign["height"] <= height
        assert reader.page.evaluate("(s => s.scrollWidth <= s.clientWidth)(document.querySelector('.scroll'))")


def test_a_missed_fracture_is_added_with_a_key(two_waiting: None, somebody: Somebody) -> None:
    reader = given_a_radiologist_at_the_worklist(somebody)
    when_the_first_study_is_opened(reader)
    reader.presses("j", "j", "2")
    assert reader.is_asked_to_sign(
        "You sign: vertebral fractures T12 grade 2, L1 grade 3, L3 grade 2. Not decided, not signed: T8."
    )
    reader.presses("s")
    assert reader.has_study_open("ROSSI, Elena")
    assert SignedReview.objects.get().grades[Level.L3] == 2
