"""An operator at the screen: lets a scanner in, sets up where results go, and finds a study, by keyboard alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.support import busy_day
from tests.support.pages import Person
from vfx_finder.actions import asking, delivery, dispatch, heartbeat, retrieval, routing, senders
from vfx_finder.actions._trail import Act
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import Answer, DestinationFacts, Pace, Protocol
from vfx_finder.domain.retrieval import ArchiveFacts, Listed
from vfx_finder.domain.roles import Role
from vfx_finder.domain.routing import Rule, Verdict
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case, Delivery, Destination, HospitalMessage, Sender, SignedReview, Sweep

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Somebody = Callable[..., Person]
NOW = datetime.now(UTC)


@pytest.fixture
def people(db: None) -> dict[Role, object]:
    return busy_day.people()


def test_a_scanner_that_was_turned_away_is_let_in_with_three_keys(
    people: dict[Role, object], somebody: Somebody
) -> None:
    """From the alarm to the list to the filled form, Enter each time; the listener then knows it."""
    senders.record_refusals([senders.Turned("XR_ROOM_4", "10.1.4.44", "unknown-sender", "", 12, NOW, NOW)])
    operator = somebody("ops")
    assert operator.sees("1 caller was turned away in the last day.")
    operator.page.get_by_role("link", name="Sources").first.focus()
    operator.presses("Enter")
    assert operator.sees("Its AE title is not on the list.")
    operator.page.get_by_role("link", name="Let in XR_ROOM_4").focus()
    operator.presses("Enter")
    operator.page.locator("button:focus", has_text="Let it in").wait_for()
    operator.presses("Enter")
    assert operator.sees("XR_ROOM_4 is kept.")
    assert Sender.objects.get().host == "10.1.4.44"
    assert not operator.complaints


def test_a_destination_is_set_up_tried_and_the_answer_appears_by_itself(
    people: dict[Role, object], somebody: Somebody
) -> None:
    operator = somebody("ops")
    operator.opens(reverse("destination-add"))
    operator.page.get_by_label("Name").focus()
    operator.types("PACS", "Tab", "Tab", "PACS_MAIN", "Tab", "127.0.0.1", "Tab", "104", "Enter")
    assert operator.sees("The destination is kept.")
    operator.page.get_by_role("button", name="Try PACS").press("Enter")
    assert operator.sees("asking now")
    here = Destination.objects.get()
    dispatch.tried(here.pk, "It answered the echo.", ok=True, now=datetime.now(UTC))
    assert operator.sees("It answered the echo.")
    assert (here.kinds, here.before_sign_off) == (["sc", "sr"], False)
    assert not operator.complaints


def test_a_destination_asks_only_for_what_its_protocol_needs(people: dict[Role, object], somebody: Somebody) -> None:
    """And Save is in view on a small screen. Without JavaScript the page does the same."""
    operator = somebody("ops", scripts=False)
    operator.opens(reverse("destination-add"))
    asked = {}
    for protocol in Protocol:
        operator.page.get_by_label("Spoken to by").select_option(protocol.value)
        shown = [one.get_attribute("name") for one in operator.page.locator("form.set-up [name]:visible").all()]
        asked[protocol] = set(shown) - {"name", "protocol", "before_sign_off", "enabled"}
        box = operator.page.get_by_role("button", name="Save").bounding_box()
        assert box["y"] + box["height"] <= 768, protocol
    assert asked == {
        Protocol.DICOM: {"AETitle", "host", "port", "use_tls", "kinds", "commitment"},
        Protocol.STOW: {"url", "token", "kinds"},
        Protocol.HL7: {"host", "port", "use_tls", "receiving_application", "receiving_facility"},
        Protocol.FHIR: {"url", "token"},
    }


def test_a_study_is_found_by_its_accession_number_which_no_address_shows(
    people: dict[Role, object], somebody: Somebody
) -> None:
    busy_day.flagged(busy_day.WAITING[0][0], NOW - timedelta(hours=1), {Level.L1: 3})
    operator = somebody("ops")
    operator.page.get_by_role("searchbox").focus()
    operator.types("A9001", "Enter")
    operator.page.get_by_role("heading", level=1, name="7700001").wait_for()
    assert operator.sees("First image received")
    assert not [address for address in operator.asked if "A9001" in address]


def test_a_result_that_was_given_up_goes_again_with_one_key(people: dict[Role, object], somebody: Somebody) -> None:
    busy_day.fill(people)
    set_up(people[Role.OPERATOR].actor)
    operator = somebody("ops")
    operator.opens(reverse("dead-letters"))
    assert operator.sees("SOP Class not supported")
    operator.presses("j", "r")
    assert operator.sees("The result goes to PACS again.")
    assert not Delivery.objects.filter(state="dead-letter").exists()
    assert not operator.complaints


def test_no_page_of_the_operator_stands_in_anybodys_way(people: dict[Role, object], somebody: Somebody) -> None:
    """Every page, filled and empty, at the size of a small screen: no serious barrier, nothing beyond the edge."""
    operator = somebody("ops")
    wrong = {("empty", address): found for address in LISTS if (found := look_at(operator, address))}
    busy_day.fill(people)
    set_up(people[Role.OPERATOR].actor)
    case = Delivery.objects.first().case_id
    details = [reverse("operations-study", args=[case]), reverse("rules-trial", args=[case])]
    details += [reverse(name) for name in ("source-add", "destination-add", "rule-add", "archive-add")]
    details += [reverse("destination", args=[Destination.objects.get().pk])]
    details += [reverse("sweep", args=[Sweep.objects.get().pk])]
    wrong |= {("filled", address): found for address in [*LISTS, *details] if (found := look_at(operator, address))}
    assert wrong == {}
    assert not operator.complaints
    shown = Case.objects.get(pk=case)
    assert shown.PatientName.split("^")[0] not in operator.page.content()


LISTS = [
    "/operations",
    *(f"/operations/{page}" for page in ("health", "not-analysed", "dead-letters", "messages")),
    *(f"/operations/{page}" for page in ("sources", "destinations", "rules", "archives")),
]


def look_at(operator: Person, address: str) -> list[str]:
    """What is wrong with a page."""
    operator.opens(address)
    too_wide = operator.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return operator.grave_barriers() + (["wider than the screen"] if too_wide else [])


def set_up(operator: Actor) -> None:
    """One of everything, with something wrong of each kind."""
    kept = senders.keep_sender(senders.Wish("CT_SCANNER_2", "10.1.2.0/24", "CT, emergency department"), operator, NOW)
    senders.new_token(kept.pk, operator, NOW)
    senders.record_refusals([senders.Turned("XR_ROOM_4", "10.1.4.44", "unknown-sender", "", 12, NOW, NOW)])
    heartbeat.beat("listener", NOW, {"free_bytes": 30 * 10**9})
    routing.keep_rule(Rule("Emergency first", Verdict.URGENT, StationName="ED*"), operator, NOW)
    archive = retrieval.keep_archive(ArchiveFacts("PACS", "PACS_MAIN", "10.1.9.7", 104), operator, NOW)
    today = timezone.localdate(NOW)
    sweep = retrieval.start_sweep(archive.pk, (today - timedelta(days=30), today), operator, NOW)
    asking.list_day(sweep.pk, today, [Listed("1.2.3.4", f"{today:%Y%m%d}")], NOW)
    HospitalMessage.objects.create(
        received_at=NOW, control_id="M1", kind="ADT^A40", sha256="0" * 64, outcome="listed", reason="two-open-referrals"
    )
    facts = DestinationFacts("PACS", Protocol.DICOM, "PACS_MAIN", "10.1.9.7", 104, kinds=frozenset({Kind.SC, Kind.SR}))
    here = delivery.keep_destination(facts, operator, NOW)
    for review in SignedReview.objects.all()[:2]:
        delivery.expect_final(review, Act(Actor.process("test"), NOW))
    row = dispatch.claim(here.pk, NOW, Pace())
    refused = Answer("sr", "1.2.3.2", 0x0122, "SOP Class not supported", accepted=False, hopeless=True)
    dispatch.answered(row, [refused], Pace(), NOW)
