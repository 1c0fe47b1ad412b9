"""Senders are set up by an operator; refusals are counted, never flood the table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from dicom_listener.hear import accept_list
from tests.support import intake as given
from tests.support.forms import Words
from vfx_finder.actions import senders
from vfx_finder.actions.senders import REFUSALS_KEPT, Wish
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.sender import Refused, Turned
from vfx_finder.ledger import operations
from vfx_finder.ledger.models import AuditEvent, Refusal, Sender

pytestmark = pytest.mark.django_db


def turned(calling: str = "STRANGER", count: int = 1, seconds: float = 0, host: str = "10.0.0.9") -> Turned:
    at = given.later(seconds)
    return Turned(calling, host, Refused.UNKNOWN_SENDER, "", count, at, at)


def test_a_sender_is_let_in_changed_and_switched_off(operator: Actor) -> None:
    """What the operator does in the page is what the door knows next."""
    sender = senders.keep_sender(Wish("PACS", "10.1.2.9/24"), operator, given.NOW)
    assert senders.accept_list().objection("PACS", "10.1.2.200") is None
    senders.keep_sender(Wish("PACS", "10.1.2.7"), operator, given.NOW, sender.pk)
    assert senders.accept_list().objection("PACS", "10.1.2.200") is Refused.WRONG_HOST
    senders.disable_sender(sender.pk, operator, given.NOW)
    assert senders.accept_list(anybody=True).objection("PACS", "10.1.2.7") is Refused.SWITCHED_OFF
    assert list(AuditEvent.objects.values_list("verb", flat=True)) == [
        "sender-kept",
        "sender-kept",
        "sender-switched-off",
    ]


def test_titles_of_the_settings_count_until_the_page_says_otherwise(operator: Actor) -> None:
    """VFX_ACCEPTED_CALLING_AE_TITLES goes on working; a row of the same title is judged instead."""
    assert senders.accept_list(["CT1"]).objection("CT1", "10.0.0.1") is None
    sender = senders.keep_sender(Wish("CT1"), operator, given.NOW)
    senders.disable_sender(sender.pk, operator, given.NOW)
    assert senders.accept_list(["CT1"]).objection("CT1", "10.0.0.1") is Refused.SWITCHED_OFF


def test_wrong_wishes_are_told_in_words(operator: Actor, nurse: Actor) -> None:
    """No half-made sender, and none made by a nurse."""
    senders.keep_sender(Wish("PACS"), operator, given.NOW)
    for wish in (Wish("PACS"), Wish(""), Wish("A", host="pacs.example"), Wish("A", settle_seconds=0)):
        with pytest.raises(WrongState):
            senders.keep_sender(wish, operator, given.NOW)
    with pytest.raises(NotAllowed):
        senders.keep_sender(Wish("CT"), nurse, given.NOW)
    assert Sender.objects.count() == 1


def test_a_token_is_shown_once_and_the_old_one_ends(operator: Actor) -> None:
    """The rows hold a digest; a switched-off sender's token is worth nothing."""
    sender = senders.keep_sender(Wish("PACS"), operator, given.NOW)
    first, second = (senders.new_token(sender.pk, operator, given.NOW) for _ in range(2))
    assert senders.sender_with(first) is None
    assert senders.sender_with(second) == sender
    assert senders.sender_with("") is None
    assert second not in str(list(Sender.objects.values()))
    senders.disable_sender(sender.pk, operator, given.NOW)
    assert senders.sender_with(second) is None
    with pytest.raises(WrongState):
        senders.new_token(sender.pk, operator, given.NOW)


def test_refusals_are_counted_in_one_row() -> None:
    """A caller that knocks all night is one line with a number."""
    senders.record_refusals([turned(count=2), turned("OTHER")])
    senders.record_refusals([turned(count=40, seconds=60)])
    row = Refusal.objects.get(calling="STRANGER")
    assert (row.count, row.last_at - row.first_at) == (42, timedelta(seconds=60))


def test_every_cause_has_a_line_of_its_own() -> None:
    """A certificate that has expired, one that a stranger signed, and a caller without TLS are mended differently."""
    expired, foreign, plain = (
        replace(turned(seconds=number), reason=reason.value, detail=detail)
        for number, (reason, detail) in enumerate(
            [
                (Refused.TLS, "certificate has expired"),
                (Refused.TLS, "self-signed certificate in certificate chain"),
                (Refused.PLAIN, ""),
            ]
        )
    )
    senders.record_refusals([expired, foreign, plain])
    senders.record_refusals([replace(expired, count=4, last_at=given.later(90))])
    kept = {(row.reason, row.detail): (row.count, row.last_at) for row in Refusal.objects.all()}
    assert kept == {
        ("tls-failed", "certificate has expired"): (5, given.later(90)),
        ("tls-failed", "self-signed certificate in certificate chain"): (1, given.later(1)),
        ("plain-at-a-tls-port", ""): (1, given.later(2)),
    }


def test_what_is_not_taken_of_a_caller_that_is_let_in_stands_apart(words: Words) -> None:
    """With its name, its count and when it was offered last; it crowds out nobody who was turned away."""
    now = timezone.now()
    offered = Turned("PACS", "10.0.0.1", Refused.NOT_ALL_TAKEN.value, "MR Image Storage", 1, now, now)
    many = [replace(offered, detail=f"Class {number}") for number in range(REFUSALS_KEPT)]
    stranger = replace(offered, reason=Refused.UNKNOWN_SENDER.value, calling="STRANGER", detail="")
    senders.record_refusals([stranger, *many])
    later = now + timedelta(seconds=1)
    senders.record_refusals([replace(offered, count=3, first_at=later, last_at=later)])
    assert [one.calling for one in operations.refusals(now)] == ["STRANGER"]
    listed = operations.not_taken(now)
    assert len(listed) == REFUSALS_KEPT
    assert [(one.calling, one.host, one.count) for one in listed if one.detail == "MR Image Storage"] == [
        ("PACS", "10.0.0.1", 3)
    ]
    assert "MR Image Storage" in words("sources").partition("not everything taken")[2]


def test_a_flood_of_invented_titles_does_not_fill_the_table() -> None:
    """The newest stay."""
    senders.record_refusals([turned(f"X{number}", seconds=number) for number in range(REFUSALS_KEPT + 20)])
    assert Refusal.objects.count() == REFUSALS_KEPT
    assert not Refusal.objects.filter(calling="X19").exists()


def test_letting_a_refused_peer_in_clears_its_line(operator: Actor) -> None:
    """The list shows who still needs something."""
    senders.record_refusals([turned(), turned("OTHER")])
    senders.keep_sender(Wish("STRANGER"), operator, given.NOW)
    assert [row.calling for row in Refusal.objects.all()] == ["OTHER"]
    senders.forget_refusal(Refusal.objects.get().pk, operator, given.NOW)
    assert not Refusal.objects.exists()


def test_a_sender_remembers_when_it_was_heard(operator: Actor) -> None:
    """The page says when each last called."""
    senders.keep_sender(Wish("PACS"), operator, given.NOW)
    senders.heard(["PACS", "UNKNOWN"], given.later(5))
    assert Sender.objects.get().last_heard_at == given.later(5)


def test_an_empty_list_is_open_on_loopback_and_shut_on_a_network(operator: Actor) -> None:
    """An open listener is possible only where nobody else can reach it, or by saying so."""
    at_home = Settings(dicom_host="127.0.0.1")
    on_the_network = Settings(dicom_host="0.0.0.0")
    said_so = Settings(dicom_host="0.0.0.0", accept_any_sender=True)
    assert [
        accept_list(settings).objection("ANYONE", "10.0.0.9") for settings in (at_home, on_the_network, said_so)
    ] == [
        None,
        Refused.NOBODY_MAY,
        None,
    ]
    senders.keep_sender(Wish("PACS"), operator, given.NOW)
    for settings in (at_home, on_the_network, said_so):
        assert accept_list(settings).objection("PACS", "10.0.0.9") is None
        assert accept_list(settings).objection("ANYONE", "10.0.0.9") is Refused.UNKNOWN_SENDER
