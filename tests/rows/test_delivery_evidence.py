"""What the pages say of a result that went out: everything the destination answered, in words, and nothing lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import intake as given
from tests.support.forms import Words, say
from tests.support.reviews import confirmed
from vfx_finder.actions import delivery, dispatch
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import Answer, DeliveryState, DestinationFacts, Pace, Proof, Protocol
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.spine import Level
from vfx_finder.figures.story import story
from vfx_finder.ledger import deliveries, queries
from vfx_finder.ledger.models import Case, DeliveredObject, Delivery, Destination

pytestmark = pytest.mark.django_db

PACE = Pace()
PACS = DestinationFacts("PACS", Protocol.DICOM, "PACS", "10.0.0.1", 104, kinds=frozenset({Kind.SR, Kind.REFORMAT}))
STOW = DestinationFacts("Web", Protocol.STOW, url="https://pacs.example.org/dicom-web", kinds=frozenset({Kind.SC}))
FHIR = DestinationFacts("Bus", Protocol.FHIR, url="https://fhir.example.org")
OBJECTS = [Answer(Kind.REFORMAT, f"1.2.{n}", 0, "stored (0x0000)", True, SOPClassUID="1.9") for n in range(21)]
OBJECTS += [Answer(Kind.SR, "1.2.99", 0, "stored (0x0000)", True, SOPClassUID="1.8")]

Send = Callable[..., int]


@pytest.fixture
def send(analysed, sign, operator: Actor) -> Send:
    """Set up this destination, bring a study, sign it unless it is `unsigned`; its case."""

    def bring(facts: DestinationFacts = PACS, *, unsigned: bool = False) -> int:
        delivery.keep_destination(facts, operator, given.NOW)
        case_id = analysed({Level.L1: 2})
        if not unsigned:
            sign(case_id, confirmed(Level.L1, 2))
        return case_id

    return bring


def answer(at: float, *answers: Answer) -> Delivery:
    row = dispatch.claim(Destination.objects.get().pk, given.later(at), PACE)
    assert row is not None, "nothing was due"
    dispatch.answered(row, answers, PACE, given.later(at))
    return Delivery.objects.get(pk=row.pk)


def arrive(at: float) -> Delivery:
    """Stored, and its storage committed."""
    row = answer(at, *OBJECTS)
    asked = dispatch.claim(row.destination_id, given.later(at + 1), PACE)
    assert asked is not None
    uids = frozenset(one.SOPInstanceUID for one in OBJECTS)
    dispatch.proven(Proof(asked.TransactionUID, uids), PACE, given.later(at + 2))
    return Delivery.objects.get(pk=row.pk)


def test_what_had_arrived_stays_on_record_when_it_is_sent_again_to_an_archive_that_is_down(
    send: Send, words: Words, operator: Actor
) -> None:
    case_id = send()
    row = arrive(200)
    delivery.resend(row.pk, operator, given.later(300))
    again = dispatch.claim(row.destination_id, given.later(301), PACE)
    assert again is not None and deliveries.stored_already(again) == frozenset(), "all of it goes again"
    dispatch.away(again, "The archive cannot be reached: connection refused.", PACE, given.later(301))
    said = words("operations-study", case_id)
    assert "to be sent" in said and "connection refused" in said
    before = said.split("Before it was sent again")[1]
    assert "21 × sagittal reformat: stored (0x0000)" in before and "committed" in before
    assert DeliveredObject.objects.exclude(committed_at=None).count() == len(OBJECTS)


def test_the_same_objects_stored_again_stand_beside_what_was_answered_before(send: Send, operator: Actor) -> None:
    send()
    delivery.resend(arrive(200).pk, operator, given.later(300))
    assert arrive(400).state == DeliveryState.PROVEN
    rounds = DeliveredObject.objects.order_by().values_list("set_aside_at", "committed_at").distinct()
    assert set(rounds) == {(given.later(300), given.later(202)), (None, given.later(402))}
    assert DeliveredObject.objects.count() == 2 * len(OBJECTS)


def test_a_preliminary_result_that_arrived_is_not_sent_again_once_the_study_is_signed(
    send: Send, sign, ops: Client, operator: Actor
) -> None:
    """One click would have made "a newer result went instead, 0 tries" of a result that lies in the archive."""
    case_id = send(replace(PACS, before_sign_off=True), unsigned=True)
    row = arrive(100)
    assert f'action="{reverse("delivery-resend", args=[row.pk])}"' in _page(ops, case_id)
    sign(case_id, confirmed(Level.L1, 2))
    assert f'action="{reverse("delivery-resend", args=[row.pk])}"' not in _page(ops, case_id)
    with pytest.raises(WrongState, match="newer result"):
        delivery.resend(row.pk, operator, given.later(300))
    row.refresh_from_db()
    assert (row.state, row.attempts) == (DeliveryState.PROVEN, 1)


def test_twenty_one_slices_are_one_line_with_their_uids_behind_it(send: Send, ops: Client, words: Words) -> None:
    case_id = send()
    arrive(200)
    said = words("operations-study", case_id)
    assert said.count("sagittal reformat: stored") == 1
    assert "21 × sagittal reformat: stored (0x0000)" in said
    details = _page(ops, case_id).split("<details")
    assert all(any(f"<li>{one.SOPInstanceUID}</li>" in part for part in details[1:]) for one in OBJECTS)


def test_a_reason_is_said_once_and_messages_have_names(send: Send, words: Words) -> None:
    case_id = send(FHIR)
    answer(200, Answer("fhir-bundle", "", 422, "not taken (HTTP 422; invariant)", False, hopeless=True))
    said = words("operations-study", case_id).split("Results sent")[1]
    assert said.count("HTTP 422") == 1
    assert "FHIR bundle: not taken (HTTP 422; invariant)" in said
    assert "fhir-bundle" not in said


def test_what_was_stored_by_dicomweb_has_the_status_of_http(send: Send, words: Words) -> None:
    case_id = send(STOW)
    answer(200, Answer(Kind.SC, "1.2.1", 200, "stored", True))
    said = words("operations-study", case_id)
    assert "stored HTTP 200" in said
    assert "0x00C8" not in said


def test_a_refusal_by_dicomweb_keeps_its_failure_reason(send: Send, words: Words) -> None:
    case_id = send(STOW)
    answer(200, Answer(Kind.SC, "1.2.1", 0x0122, "SOP Class not supported", False, hopeless=True))
    assert "SOP Class not supported 0x0122" in words("operations-study", case_id)


def test_a_commitment_asked_for_once_is_said_so(send: Send, words: Words) -> None:
    case_id = send()
    answer(200, *OBJECTS)
    asked = dispatch.claim(Destination.objects.get().pk, given.later(201), PACE)
    dispatch.asked(asked, given.later(202))
    assert "storage commitment asked for once, and not answered yet" in words("operations-study", case_id)


def test_what_waits_for_a_destination_that_is_switched_off_is_held(send: Send, ops: Client, operator: Actor) -> None:
    case_id = send()
    delivery.switch_destination(Destination.objects.get().pk, False, operator, given.later(200))
    said = say(ops, "operations-search", words=Delivery.objects.get().case.correlation_id).split("Results sent")[1]
    assert "held: the destination is switched off" in said
    assert "next" not in said and "to be sent" not in said
    assert reverse("delivery-resend", args=[Delivery.objects.get().pk]) not in _page(ops, case_id)


def test_the_story_names_the_destination_of_every_step(send: Send, operator: Actor) -> None:
    case_id = send()
    delivery.resend(arrive(200).pk, operator, given.later(300))
    told = [line.words for line in story(queries.study(case_id).events)]
    assert told[:4] == [
        "Result sent again: PACS",
        "Result delivered: PACS",
        "Result stored by the archive: PACS",
        "Result to be sent: PACS",
    ]


def test_a_study_taken_as_complete_is_not_said_to_have_all_its_images(send: Send, words: Words) -> None:
    """An association may have broken off before the last image: we only know how long it has been quiet."""
    said = words("operations-study", send(unsigned=True))
    assert "Taken as complete: quiet for 60 s" in said
    assert "All images received" not in said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("analysed-clear", "nothing was flagged, so nobody reads it here"),
        ("unsuitable", "the study was not analysed, so there is no result"),
        ("failed", "the study was not analysed, so there is no result"),
        ("settled", "after the analysis, results of a flagged study go out"),
        ("awaiting-review", "results go out when a radiologist has signed"),
    ],
)
def test_a_study_without_results_says_whether_any_will_come(state: str, said: str, send: Send, words: Words) -> None:
    case_id = send(unsigned=True)
    Case.objects.filter(pk=case_id).update(
        state=state, reason={"unsuitable": "no-spine", "failed": "analysis-failed"}.get(state, "")
    )
    shown = words("operations-study", case_id).split("Results sent")[1]
    assert said in shown
    assert ("radiologist has signed" in shown) == (state in {"settled", "awaiting-review"})


def _page(ops: Client, case_id: int) -> str:
    return ops.get(reverse("operations-study", args=[case_id])).content.decode()
