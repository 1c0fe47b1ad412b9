"""What no process decides, at the screen: a key without a choice, late images, other bytes, a rule in the way."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from tests.support import busy_day
from tests.support.pages import Person
from vfx_finder.actions import delivery, intake, routing
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.roles import Role
from vfx_finder.domain.routing import Rule, Verdict
from vfx_finder.domain.study import Instance
from vfx_finder.ledger.models import Case, Delivery, StoredInstance

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Somebody = Callable[..., Person]
NOW = datetime.now(UTC)


def another(of: Case, ending: str, sha256: str) -> Instance:
    """An instance of this study."""
    first = of.instances.first()
    uid = f"{of.StudyInstanceUID}.1.{ending}"
    patient = next(who for who, *_ in busy_day.SIGNED if who.patient.PatientID == of.PatientID).patient
    return Instance(
        patient, of.StudyInstanceUID, first.SeriesInstanceUID, uid, first.SOPClassUID, "CT", f"late/{ending}.dcm",
        sha256, "CT_SCANNER_2",
    )  # fmt: skip


@pytest.fixture
def a_day(db: None) -> Case:
    """A day's studies: one signed that more came for, one that came again with other content, one left out."""
    staff = busy_day.people()
    operator = staff[Role.OPERATOR].actor
    busy_day.fill(staff)
    late, again = Case.objects.filter(state="reviewed").order_by("pk")[:2]
    sent = [another(late, "91", "a" * 64), another(late, "92", "b" * 64), another(again, "1", "c" * 64)]
    intake.receive_many(sent, busy_day.LISTENER, NOW, 60)
    routing.keep_rule(Rule("No heads", Verdict.LEAVE_OUT, StudyDescription="*head*"), operator, NOW)
    head = replace(busy_day.Somebody(41, "MARCH^EVE", "F", "19500101", "CT head"))
    busy_day.received(head, NOW - timedelta(hours=1), settled=True)
    facts = DestinationFacts("Research archive", Protocol.DICOM, "RES", "127.0.0.1", 104, kinds=frozenset({Kind.SC}))
    delivery.keep_destination(facts, operator, NOW)
    return late


def test_a_key_without_a_choice_says_what_is_lacking_and_retries_nothing(a_day: Case, somebody: Somebody) -> None:
    before = sorted(Case.objects.values_list("pk", "generation"))
    operator = somebody("ops")
    operator.opens(reverse("not-analysed"))
    operator.presses("r")
    assert operator.sees("Press j to choose a study, then r.")
    assert sorted(Case.objects.values_list("pk", "generation")) == before
    operator.presses("j", "r")
    assert operator.sees("Nothing to do here by r.")
    assert not operator.complaints


def test_late_images_are_seen_to_by_the_one_who_looked(a_day: Case, somebody: Somebody) -> None:
    operator = somebody("ops")
    assert operator.sees("1 signed study received more images after signing.")
    operator.opens(reverse("operations-study", args=[a_day.pk]))
    assert operator.sees("2 images came after signing.")
    assert operator.grave_barriers() == []
    reader = somebody("dr.lee")
    reader.opens(reverse("study", args=[a_day.pk]))
    assert reader.grave_barriers() == []
    reader.page.get_by_role("button", name="Seen: read again in PACS").press("Enter")
    assert reader.sees("Noted with your name: read again in PACS.")
    operator.opens(reverse("operations-study", args=[a_day.pk]))
    assert operator.sees("Images after signing seen to: 2 images, read again in PACS")
    operator.page.get_by_role("button", name="Send the results to Research archive").press("Enter")
    assert operator.sees("The result goes to Research archive.")
    assert Delivery.objects.get().case_id == a_day.pk
    assert not [*operator.complaints, *reader.complaints]


def test_whoever_needs_no_new_reading_says_why(a_day: Case, somebody: Somebody) -> None:
    """Without a reason the browser does not even ask; what was chosen and typed stands in the story."""
    operator = somebody("ops")
    operator.opens(reverse("not-analysed"))
    button = operator.page.get_by_role("button", name="Seen: no new reading needed")
    button.press("Enter")
    why = operator.page.get_by_label("Why no new reading is needed")
    assert why.evaluate("choice => choice.validity.valueMissing")
    assert Case.objects.get(pk=a_day.pk).late_seen == 0
    why.select_option("another-reconstruction")
    operator.page.get_by_label("In your own words").fill("as every week")
    button.press("Enter")
    assert operator.sees("Noted with your name: no new reading needed.")
    operator.opens(reverse("operations-study", args=[a_day.pk]))
    assert operator.sees("another reconstruction of what was read, “as every week”")
    assert not operator.complaints


def test_the_list_of_what_needs_a_person_fits_the_screen(a_day: Case, somebody: Somebody) -> None:
    operator = somebody("ops")
    operator.opens(reverse("not-analysed"))
    assert operator.sees("1 image came again with other content; the first was kept")
    assert operator.grave_barriers() == []
    assert not operator.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    operator.page.get_by_role("button", name=re.compile("^Seen to")).press("Enter")
    assert operator.sees("Noted with your name: seen to. The first images stay.")
    left_out = Case.objects.get(StudyDescription="CT head", state="unsuitable", routed_by="No heads")
    operator.page.get_by_role("button", name=f"Retry {left_out.PatientID}").press("Enter")
    assert operator.sees("The rule “No heads” leaves this study out, so nothing was changed.")
    assert operator.grave_barriers() == []
    operator.page.get_by_role("button", name="Analyse all the same").press("Enter")
    assert operator.sees("Analysis asked for against a routing rule: against “No heads”")
    assert StoredInstance.objects.filter(case=left_out).exists()
    assert not operator.complaints
