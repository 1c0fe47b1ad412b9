"""Results on their way: asked for when they are made, moved by what the archive answers, and by nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.support import intake as given
from tests.support.reviews import confirmed
from vfx_finder.actions import delivery, dispatch, intake
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.delivery import Answer, DeliveryState, DestinationFacts, Pace, Proof, Protocol, back_off
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import deliveries
from vfx_finder.ledger.models import AuditEvent, DeliveredObject, Delivery, Destination

pytestmark = pytest.mark.django_db

PACE = Pace(first_wait_s=60, longest_wait_s=3600, tries=4, proof_wait_s=600, proof_tries=3)
PACS = DestinationFacts(
    "PACS", Protocol.DICOM, AETitle="ARCHIVE", host="10.0.0.5", port=104, kinds=frozenset({Kind.SC, Kind.SR})
)
WEB = DestinationFacts("Web", Protocol.STOW, url="https://pacs.example.org/dicom-web", kinds=frozenset({Kind.SC}))

Keep = Callable[..., Destination]


@pytest.fixture
def keep(operator: Actor) -> Keep:
    """Set up a destination like this one, with these differences."""
    return lambda facts=PACS, **other: delivery.keep_destination(replace(facts, **other), operator, given.NOW)


@pytest.fixture
def signed(analysed, sign, keep) -> int:
    """A signed study with one destination, the PACS; its case."""
    keep()
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    return pk


def answers(*statuses: int | None, hopeless: bool = False) -> list[Answer]:
    kinds = (Kind.SC, Kind.SR)
    return [
        Answer(kind, f"1.2.{n}", status, f"0x{status or 0:04X}", status == 0, hopeless and status != 0, f"1.9.{n}")
        for n, (kind, status) in enumerate(zip(kinds, statuses, strict=False))
    ]


def only() -> Delivery:
    return Delivery.objects.get()


def claim(seconds: float, pace: Pace = PACE) -> Delivery | None:
    return dispatch.claim(Destination.objects.get().pk, given.later(seconds), pace)


def store(seconds: float, *statuses: int | None, hopeless: bool = False) -> DeliveryState:
    row = claim(seconds)
    assert row is not None, "nothing was due"
    return dispatch.answered(row, answers(*statuses, hopeless=hopeless), PACE, given.later(seconds))


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


# what is asked for


def test_a_signature_asks_for_one_delivery_to_every_destination(analysed, sign, keep) -> None:
    keep()
    keep(WEB)
    keep(name="off", enabled=False)
    pk = analysed({Level.L1: 2})
    assert not Delivery.objects.exists(), "nothing goes before it is signed"
    sign(pk, confirmed(Level.L1, 2))
    assert {(row.destination.name, row.stage, row.state) for row in Delivery.objects.all()} == {
        ("PACS", Stage.FINAL, DeliveryState.WAITING),
        ("Web", Stage.FINAL, DeliveryState.WAITING),
    }
    assert verbs()[-1] == "delivery-asked"


def test_a_signature_that_fails_asks_for_nothing(analysed, sign, keep, monkeypatch) -> None:
    keep()
    pk = analysed({Level.L1: 2})
    monkeypatch.setattr("vfx_finder.actions.review.expect_final", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        sign(pk, confirmed(Level.L1, 2))
    assert not Delivery.objects.exists()


def test_a_preliminary_result_goes_only_where_it_is_wanted(analysed, keep) -> None:
    keep()
    keep(name="early", before_sign_off=True)
    analysed({Level.L1: 2})
    assert (only().destination.name, only().stage, only().review) == ("early", Stage.PRELIMINARY, None)


def test_an_unread_clear_study_is_never_told_as_clear(analysed, keep) -> None:
    """Only the reformat goes, which is an image for the reader; an unread "no fracture" would look like a report."""
    keep(before_sign_off=True)
    keep(name="reformats", before_sign_off=True, kinds=frozenset({Kind.SC, Kind.REFORMAT}))
    keep(DestinationFacts("RIS", Protocol.HL7, host="10.0.0.7", port=2575, before_sign_off=True))
    analysed({})
    assert only().destination.name == "reformats"


def test_a_signature_takes_the_place_of_what_has_not_gone_yet(analysed, sign, keep) -> None:
    keep(before_sign_off=True)
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    states = {row.stage: row.state for row in Delivery.objects.all()}
    assert states == {Stage.PRELIMINARY: DeliveryState.SUPERSEDED, Stage.FINAL: DeliveryState.WAITING}


def test_a_late_image_stops_the_preliminary_result_of_what_was_there_before(analysed, keep) -> None:
    keep(before_sign_off=True)
    analysed({Level.L1: 2})
    intake.receive(given.instance(2), given.LISTENER, given.later(200), given.SETTLE)
    assert claim(201) is None
    assert only().state == DeliveryState.SUPERSEDED


# what the archive answers


def test_nothing_is_sent_before_the_archive_says_so(signed: int) -> None:
    row = claim(200)
    assert row is not None
    assert (only().state, DeliveredObject.objects.count()) == (DeliveryState.WAITING, 0)


def test_stored_then_committed_is_proven(signed: int) -> None:
    assert store(200, 0, 0) is DeliveryState.SENT
    asked = claim(200)
    assert asked is not None and asked.TransactionUID
    assert deliveries.to_commit(asked) == [("1.9.0", "1.2.0"), ("1.9.1", "1.2.1")]
    proof = Proof(asked.TransactionUID, frozenset({"1.2.0", "1.2.1"}))
    assert dispatch.proven(proof, PACE, given.later(201)) is DeliveryState.PROVEN
    assert all(one.committed_at == given.later(201) for one in DeliveredObject.objects.all())
    assert verbs()[-2:] == ["delivery-stored", "delivery-proven"]
    assert Destination.objects.get().last_ok_at == given.later(201)


def test_without_commitment_a_success_status_is_the_proof(analysed, sign, keep) -> None:
    keep(commitment=False)
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    assert store(200, 0, 0) is DeliveryState.PROVEN


def test_one_refused_object_is_tried_again_and_the_stored_one_is_not(signed: int) -> None:
    assert store(200, 0, 0x0110) is DeliveryState.WAITING
    assert claim(201) is None, "not at once"
    assert deliveries.stored_already(only()) == {"1.2.0"}
    assert 60 <= (only().next_at - given.later(200)).total_seconds() <= 75
    told = {(one.kind, one.status, one.stored_at is not None) for one in DeliveredObject.objects.all()}
    assert told == {("sc", 0, True), ("sr", 0x0110, False)}


def test_a_refused_object_that_is_not_wanted_any_more_is_waited_for_by_nobody(signed: int, keep) -> None:
    """The operator's remedy for an object that is refused again and again: its kind is not sent there any more."""
    assert store(200, 0, 0x0110) is DeliveryState.WAITING
    row = claim(300)
    assert row is not None and dispatch.answered(row, (), PACE, given.later(300)) is DeliveryState.SENT
    asked = claim(310)
    assert asked is not None
    proof = Proof(asked.TransactionUID, frozenset({"1.2.0"}))
    assert dispatch.proven(proof, PACE, given.later(311)) is DeliveryState.PROVEN
    assert [one.kind for one in DeliveredObject.objects.all()] == ["sc"]


def test_what_will_never_be_taken_is_a_dead_letter_with_its_reason(signed: int) -> None:
    assert store(200, 0, 0x0122, hopeless=True) is DeliveryState.DEAD
    (dead,) = deliveries.dead_letters()
    assert "sr: 0x0122" in dead.answer
    assert [one.status for one in dead.delivered.all()] == [0, 0x0122]


def test_an_archive_that_is_full_for_long_makes_a_dead_letter_and_no_earlier(signed: int) -> None:
    at = 200.0
    for attempt in range(1, PACE.tries + 1):
        state = store(at, 0xA700, None)
        assert state is (DeliveryState.DEAD if attempt == PACE.tries else DeliveryState.WAITING)
        at += 10_000
    assert claim(at) is None


def test_a_commitment_refused_sends_the_lost_object_again(signed: int) -> None:
    store(200, 0, 0)
    asked = claim(200)
    proof = Proof(asked.TransactionUID, frozenset({"1.2.0"}), (("1.2.1", 0x0112),))
    assert dispatch.proven(proof, PACE, given.later(210)) is DeliveryState.WAITING
    assert deliveries.stored_already(only()) == {"1.2.0"}
    assert "no such object instance" in DeliveredObject.objects.get(SOPInstanceUID="1.2.1").answer
    assert claim(220) is None, "not at once"
    again = claim(400)
    assert dispatch.answered(again, answers(0, 0)[1:], PACE, given.later(400)) is DeliveryState.SENT
    assert deliveries.to_commit(claim(400)) == [("1.9.1", "1.2.1")], "what is committed is not asked for again"


def test_a_result_that_names_no_object_commits_nothing(signed: int) -> None:
    store(200, 0, 0)
    asked = claim(200)
    assert dispatch.proven(Proof(asked.TransactionUID, frozenset()), PACE, given.later(210)) is DeliveryState.WAITING


def test_a_destination_is_locked_before_its_deliveries_so_that_nobody_waits_in_a_circle(signed: int, operator) -> None:
    """The worker records an answer while the listener hears a proof and an operator saves the destination."""

    def locked_first(act: Callable[[], object]) -> str:
        with CaptureQueriesContext(connection) as said:
            act()
        locking = [one["sql"] for one in said if "FOR " in one["sql"] or one["sql"].startswith("UPDATE")]
        return locking[0].split('FROM "')[-1].split('"')[0]

    row, there = claim(200), Destination.objects.get().pk
    assert row is not None
    steps = [lambda: dispatch.missed(row, "no answer", PACE, given.later(200))]
    steps.append(lambda: dispatch.answered(row, answers(0, 0), PACE, given.later(200)))
    steps.append(lambda: delivery.keep_destination(PACS, operator, given.later(201), destination_id=there))
    assert [locked_first(act) for act in steps] == ["ledger_destination"] * 3
    asked = claim(210)
    assert asked is not None
    proof = Proof(asked.TransactionUID, frozenset({"1.2.0", "1.2.1"}))
    assert locked_first(lambda: dispatch.asked(asked, given.later(211))) == "ledger_destination"
    assert locked_first(lambda: dispatch.proven(proof, PACE, given.later(212))) == "ledger_destination"


def test_a_stranger_cannot_prove_anything(signed: int) -> None:
    store(200, 0, 0)
    assert dispatch.proven(Proof("", frozenset({"1.2.0", "1.2.1"})), PACE, given.later(200)) is None
    claim(200)
    assert dispatch.proven(Proof("2.25.1", frozenset({"1.2.0", "1.2.1"})), PACE, given.later(210)) is None
    assert only().state == DeliveryState.SENT


def test_a_proof_that_does_not_come_is_asked_for_again_and_then_given_up(signed: int) -> None:
    store(200, 0, 0)
    transactions, at = set(), 200.0
    for _ in range(PACE.proof_tries):
        asked = claim(at)
        transactions.add(asked.TransactionUID)
        assert dispatch.asked(asked, given.later(at)) is DeliveryState.SENT
        assert claim(at + 599) is None, "it is waited for"
        at += 10_000
    assert len(transactions) == PACE.proof_tries
    assert claim(at) is None
    assert only().state == DeliveryState.DEAD
    assert "commitment asked for 3 times, and not answered" in only().answer


def test_a_proof_that_came_first_is_not_unsaid(signed: int) -> None:
    """The archive answers by its own association while the asking thread still waits on the first one."""
    store(200, 0, 0)
    row = claim(200)
    proof = Proof(row.TransactionUID, frozenset({"1.2.0", "1.2.1"}))
    dispatch.proven(proof, PACE, given.later(200))
    assert dispatch.asked(row, given.later(201)) is DeliveryState.PROVEN
    assert dispatch.proven(proof, PACE, given.later(202)) is None, "told twice, recorded once"
    assert "took responsibility" in only().answer


def test_an_archive_that_is_away_is_knocked_at_by_one_delivery_alone(analysed, sign, keep) -> None:
    """Three results wait; the first finds nobody there, the others wait for its next try, and go when it is back."""
    keep()
    for study in (1, 2, 3):
        sign(analysed({Level.L1: 2}, study=study), confirmed(Level.L1, 2))
    first = claim(200)
    assert dispatch.away(first, "Nobody there.", PACE, given.later(200)) is DeliveryState.WAITING
    assert claim(201) is None
    here = Destination.objects.get()
    assert (here.away_since, here.last_answer, here.last_ok_at) == (given.later(200), "Nobody there.", None)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0, 1}
    dispatch.tried(here.pk, "Answered in 3 ms.", given.later(210), ok=True)
    assert Destination.objects.get().away_since is None
    assert Delivery.objects.filter(next_at=given.later(210)).count() == 3, "back: all of them go at once"
    assert store(210, 0, 0) is DeliveryState.SENT


def test_one_failing_study_never_keeps_the_next_one_back(analysed, sign, keep) -> None:
    keep()
    for study in (1, 2):
        sign(analysed({Level.L1: 2}, study=study), confirmed(Level.L1, 2))
    broken = claim(200)
    dispatch.missed(broken, "The association was broken off.", PACE, given.later(200))
    following = claim(200)
    assert following is not None and following.case_id != broken.case_id


def test_a_worker_killed_in_mid_send_is_followed_by_the_same_try_later(signed: int) -> None:
    """The row says when it is due again before the network is touched."""
    assert claim(200) is not None
    again = claim(300)
    assert again is not None
    assert (again.attempts, again.state) == (2, DeliveryState.WAITING)


def test_a_worker_that_comes_back_late_is_not_believed(signed: int) -> None:
    frozen = claim(200)
    claim(300)
    with pytest.raises(WrongState):
        dispatch.answered(frozen, answers(0, 0), PACE, given.later(301))
    assert only().state == DeliveryState.WAITING


def test_a_delivery_that_kills_every_worker_is_given_up(signed: int) -> None:
    at = 200.0
    for _ in range(PACE.tries):
        assert claim(at) is not None
        at += 10_000
    assert claim(at) is None
    assert only().state == DeliveryState.DEAD


def test_an_answer_to_something_superseded_is_kept_with_its_object(analysed, sign, keep) -> None:
    """The preliminary result was on the wire when the radiologist signed: what lies in the archive is on record."""
    keep(before_sign_off=True)
    pk = analysed({Level.L1: 2})
    row = claim(100)
    sign(pk, confirmed(Level.L1, 2))
    assert dispatch.answered(row, answers(0, 0), PACE, given.later(130)) is DeliveryState.SUPERSEDED
    assert DeliveredObject.objects.filter(delivery=row, stored_at__isnull=False).count() == 2
    final = claim(131)
    assert deliveries.content(final).supersedes


# what an operator does


def test_one_key_sends_a_dead_letter_again_from_the_beginning(signed: int, operator: Actor) -> None:
    store(200, 0, 0x0122, hopeless=True)
    delivery.resend(only().pk, operator, given.later(300))
    row = only()
    assert (row.state, row.attempts, row.next_at) == (DeliveryState.WAITING, 0, given.later(300))
    kept = DeliveredObject.objects.values_list("kind", "set_aside_at")
    assert list(kept) == [("sc", given.later(300))], "what the archive had stored stays on record"
    assert verbs()[-1] == "resent"
    assert store(300, 0, 0) is DeliveryState.SENT


def test_every_dead_letter_of_a_destination_at_once(analysed, sign, keep, operator: Actor) -> None:
    keep()
    for study in (1, 2):
        sign(analysed({Level.L1: 2}, study=study), confirmed(Level.L1, 2))
        store(200, 0x0122, hopeless=True)
    assert delivery.resend_dead(Destination.objects.get().pk, operator, given.later(300)) == 2
    assert deliveries.counts_by_state()[DeliveryState.WAITING] == 2


def test_a_waiting_one_goes_now(signed: int, operator: Actor) -> None:
    store(200, 0x0110)
    assert delivery.resend(only().pk, operator, given.later(210)).next_at == given.later(210)
    assert only().attempts == 1


def test_what_waits_for_its_proof_is_not_sent_again(signed: int, operator: Actor) -> None:
    store(200, 0, 0)
    with pytest.raises(WrongState):
        delivery.resend(only().pk, operator, given.later(300))


def test_only_an_operator_sets_up_and_resends(signed: int, radiologist: Actor, nurse: Actor) -> None:
    for somebody in (radiologist, nurse, Actor.process("worker")):
        with pytest.raises(NotAllowed):
            delivery.resend(only().pk, somebody, given.NOW)
        with pytest.raises(NotAllowed):
            delivery.keep_destination(replace(PACS, name="b"), somebody, given.NOW)
        with pytest.raises(NotAllowed):
            delivery.try_destination(only().destination_id, somebody, given.NOW)


def test_a_destination_that_is_switched_off_gets_nothing_until_it_is_on(signed: int, operator: Actor) -> None:
    there = Destination.objects.get().pk
    delivery.switch_destination(there, False, operator, given.later(150))
    assert claim(200) is None
    assert deliveries.destinations_due(given.later(200)) == []
    delivery.switch_destination(there, True, operator, given.later(250))
    assert deliveries.destinations_due(given.later(250)) == [there]
    assert claim(250) is not None


@drawn(st.integers(1, 200), st.floats(0, 0.999))
def test_the_wait_grows_and_has_an_end(tries: int, chance: float) -> None:
    """From a minute to an hour, spread by at most a quarter, never shorter after another failure."""
    pace = Pace()
    wait = back_off(tries, chance, pace)
    assert 60 <= wait <= 3600 * 1.25
    assert back_off(tries + 1, chance, pace) >= wait
