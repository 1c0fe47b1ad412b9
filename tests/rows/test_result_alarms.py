"""What the overview says of destinations: in true words, each by itself, and *now* in time to act."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.house.test_docs import DOCS
from tests.support import intake as given
from tests.support.forms import Words
from tests.support.reviews import confirmed
from vfx_finder.actions import delivery, dispatch
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import Answer, DeliveryState, DestinationFacts, Pace, Protocol
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Delivery, Destination
from vfx_finder.web.operations.alarms import DOWN_TOO_LONG

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
PACE = Pace()
PACS = DestinationFacts("PACS", Protocol.DICOM, "PACS", "10.0.0.1", 104, kinds=frozenset({Kind.SR}))
RIS = DestinationFacts("RIS", Protocol.HL7, host="10.0.0.7", port=2575)
NOBODY = "The archive cannot be reached: connection refused."

Send = Callable[..., None]


@pytest.fixture
def send(analysed, sign, operator: Actor) -> Send:
    """Set these destinations up and sign a study for them, asked for so long ago."""

    def bring(*facts: DestinationFacts, ago: timedelta = timedelta(minutes=10)) -> None:
        for one in facts:
            delivery.keep_destination(one, operator, given.NOW)
        sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
        Delivery.objects.update(created_at=NOW - ago, next_at=NOW - ago)

    return bring


def take_up(name: str, at: datetime) -> Delivery:
    row = dispatch.claim(Destination.objects.get(name=name).pk, at, PACE)
    assert row is not None, "nothing was due"
    return row


def note(ops: Client, words: str) -> str:
    """The alarm with these words, as it stands on the page."""
    markup = ops.get(reverse("system-health")).content.decode()
    return next((part for part in markup.split("<li ") if words in part), "")


def test_a_message_refused_for_good_waits_for_nobody_and_is_not_tried_again(send: Send, words: Words) -> None:
    send(RIS)
    refused = Answer("oru-r01", "", None, "AE: unknown order", False, hopeless=True)
    state = dispatch.answered(take_up("RIS", NOW), [refused], PACE, NOW)
    assert state is DeliveryState.DEAD
    said = words("system-health")
    assert "The last try at RIS did not succeed: AE: unknown order Nothing waits for it" in said
    assert "1 result was given up and is not tried again until a person sends it." in said
    assert "tried again by" not in said


def test_a_try_of_a_destination_that_was_never_sent_anything_says_only_that(words: Words, operator: Actor) -> None:
    here = delivery.keep_destination(PACS, operator, given.NOW)
    dispatch.tried(here.pk, NOBODY, NOW, ok=False)
    said = words("system-health")
    assert f"The last try at PACS did not succeed: {NOBODY} Nothing waits for it" in said
    assert "tried again" not in said.replace("try it again", "")


def test_an_archive_without_storage_commitment_took_every_object(send: Send, words: Words) -> None:
    send(PACS)
    dispatch.answered(take_up("PACS", NOW), [Answer(Kind.SR, "1.2", 0, "stored (0x0000)", True)], PACE, NOW)
    later = NOW + timedelta(seconds=1)
    dispatch.missed(take_up("PACS", later), "It offers no storage commitment.", PACE, later)
    said = words("system-health")
    assert "1 result is stored there; the storage commitment is asked for again." in said
    assert "did not take" not in said and "result waits" not in said


def test_a_result_that_waits_is_said_to_be_tried_again(send: Send, words: Words) -> None:
    send(PACS)
    dispatch.away(take_up("PACS", NOW), NOBODY, PACE, NOW)
    said = words("system-health")
    assert "1 result waits since" in said and "and is tried again by itself." in said


def test_a_destination_that_is_down_is_now_after_four_hours(send: Send, ops: Client) -> None:
    send(PACS, ago=timedelta(hours=6))
    dispatch.away(take_up("PACS", NOW - timedelta(hours=3)), NOBODY, PACE, NOW - timedelta(hours=3))
    assert note(ops, "The last try at PACS").startswith('class="note ask"')
    Destination.objects.update(away_since=NOW - DOWN_TOO_LONG - timedelta(minutes=1))
    assert note(ops, "PACS has taken nothing since").startswith('class="note bad"')
    page = " ".join((DOCS / "monitoring.md").read_text().split())
    assert timedelta(hours=4) == DOWN_TOO_LONG and "taken nothing for four hours (`DOWN_TOO_LONG`;" in page


def test_one_that_refuses_without_being_away_is_now_as_well(send: Send, ops: Client) -> None:
    """Its disk is full: it answers, and takes nothing."""
    send(PACS, ago=timedelta(hours=5))
    full = Answer(Kind.SR, "1.2", 0xA700, "out of resources (0xA700)", False)
    dispatch.answered(take_up("PACS", NOW), [full], PACE, NOW)
    assert note(ops, "PACS has taken nothing since").startswith('class="note bad"')
    Destination.objects.update(last_took_at=NOW - timedelta(hours=1))
    assert note(ops, "The last try at PACS").startswith('class="note ask"'), "it took another one an hour ago"


def test_a_try_that_succeeds_does_not_make_one_that_refuses_well(send: Send, ops: Client) -> None:
    """It answers a C-ECHO and takes no object, or has no room: four hours count from what it took last."""
    send(PACS, ago=timedelta(hours=5))
    full = Answer(Kind.SR, "1.2", 0xA700, "out of resources (0xA700)", False)
    dispatch.answered(take_up("PACS", NOW), [full], PACE, NOW)
    here = Destination.objects.get()
    dispatch.tried(here.pk, "Answered in 3 ms.", NOW + timedelta(seconds=1), ok=True)
    assert note(ops, "PACS has taken nothing since").startswith('class="note bad"')
    again = NOW + timedelta(hours=1)
    dispatch.answered(take_up("PACS", again), [full], PACE, again)
    assert note(ops, "PACS has taken nothing since").startswith('class="note bad"')
    taken = again + timedelta(hours=3)
    dispatch.answered(take_up("PACS", taken), [replace(full, status=0, accepted=True)], PACE, taken)
    assert note(ops, "PACS has taken nothing since") == ""
    assert Destination.objects.get().last_took_at == taken


def test_an_unhappy_destination_hides_no_other_one(send: Send, words: Words) -> None:
    send(PACS, replace(PACS, name="Research"), ago=timedelta(hours=2))
    dispatch.away(take_up("Research", NOW), NOBODY, PACE, NOW)
    said = words("system-health")
    assert "The last try at Research did not succeed" in said
    assert "1 result is on the way to PACS since" in said


def test_results_held_for_a_destination_that_is_switched_off_are_counted(
    send: Send, ops: Client, words: Words, operator: Actor
) -> None:
    send(PACS, ago=timedelta(hours=2))
    delivery.switch_destination(Destination.objects.get().pk, False, operator, NOW)
    assert note(ops, "1 result is held: PACS is switched off.").startswith('class="note ask"')
    assert "on the way to" not in words("system-health") and "1 held while it is off" in words("destinations")
    Delivery.objects.all().delete()
    assert "held" not in words("system-health")


def test_a_monitor_sees_which_destination_it_is(send: Send, operator: Actor) -> None:
    send(PACS, replace(PACS, name='Archive "B"'))
    first = Destination.objects.get(name="PACS")
    delivery.switch_destination(first.pk, False, operator, NOW)
    text = Client().get(reverse("metrics")).content.decode()
    assert 'vfx_destination_results{destination="PACS",state="held"} 1\n' in text
    assert 'vfx_destination_results{destination="PACS",state="waiting"} 0\n' in text
    assert 'vfx_destination_results{destination="Archive \\"B\\"",state="waiting"} 1\n' in text
