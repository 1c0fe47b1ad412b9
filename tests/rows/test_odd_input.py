"""Whatever is sent to a page instead of what its form sends: an answer in words, never a failure of the software."""

from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver, reverse
from psycopg.errors import DeadlockDetected

from tests.rows.test_doors import POSTED
from tests.support import busy_day
from tests.support import intake as given
from tests.support.forms import Words, plain
from vfx_finder.actions import routing
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.roles import Role, may
from vfx_finder.domain.routing import Rule, Verdict
from vfx_finder.domain.spine import Level
from vfx_finder.domain.written import whole_number
from vfx_finder.ledger.models import (
    Archive,
    Case,
    Delivery,
    Destination,
    HospitalMessage,
    Referral,
    Refusal,
    RoutingRule,
    Sender,
    Sweep,
)
from vfx_finder.web.doors import DOORS
from vfx_finder.web.operations.archive_forms import ArchiveForm, SweepForm
from vfx_finder.web.operations.forms import DestinationForm, RuleForm, SenderForm

pytestmark = pytest.mark.django_db

FORMS = (SenderForm, RuleForm, DestinationForm, ArchiveForm, SweepForm)
FIELDS = {
    "place", "case", "words", "reason", "until", "answer", "up_to", "back", "destination", "to", "analysis", "age",
    "text", "detail", "shift", "on", "at_once", *(name for form in FORMS for name in form.base_fields),
}  # fmt: skip
ODD = {
    "more digits than Python reads": "9" * 5000,
    "more digits than a row takes": "9" * 19,
    "digits of another script": "٣",
    "a digit that is no number": "²",
    "a negative number": "-1",
    "more than a float holds": "1e400",
    "a NUL": "1\0",
    "a long word": "\N{BONE}" * 3000,
    "a moment at the end of time": "9999-12-31T23:59:59+00:00",
}
ODD_IN_ADDRESSES = ODD | {"no number": "NaN", "a day before time": "0000-00-00", "nothing": " "}
FORM_PAGES = {"source-add", "source", "rule-add", "rule", "destination-add", "destination", "archive-add", "archive",
              "archive-sweep"}  # fmt: skip


@dataclass(frozen=True)
class House:
    """Somebody of each role, signed in, and one row of each kind that an address names."""

    clients: dict[Role, Client]
    rows: dict[str, int]

    def sends(self, page: str, said: str) -> int:
        """Say this in every field of a page, as whoever may; the status of the answer."""
        role = next(role for role in self.clients if may(role, DOORS[page]))
        return self.clients[role].post(self.address(page), dict.fromkeys(FIELDS, said)).status_code

    def address(self, page: str) -> str:
        pattern = next(one for one in get_resolver().url_patterns if one.name == page)
        return reverse(page, args=[self.rows.get(name, 999_999) for name in pattern.pattern.converters])


def entered(person: object) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def house(referred: Callable[..., Referral], analysed: Callable[..., int], operator: Actor) -> House:
    referral, waiting = referred(), analysed({Level.T12: 3}, study=2)
    archive = Archive.objects.create(name="PACS", AETitle="PACS", host="pacs", port=104)
    days = {"first_day": given.NOW.date(), "last_day": given.NOW.date()}
    sweep = Sweep.objects.create(archive=archive, started_at=given.NOW, moved_at=given.NOW, **days)
    refusal = Refusal.objects.create(
        calling="A", host="B", reason="unknown-sender", first_at=given.NOW, last_at=given.NOW
    )
    there = Destination.objects.create(name="PACS", protocol="dicom", AETitle="PACS", host="pacs", port=104)
    rows = {
        "case_id": waiting,
        "referral_id": referral.pk,
        "sender_id": Sender.objects.create(AETitle="CT").pk,
        "refusal_id": refusal.pk,
        "rule_id": routing.keep_rule(Rule("heads", Verdict.LEAVE_OUT, Modality="CR"), operator, given.NOW).pk,
        "destination_id": there.pk,
        "archive_id": archive.pk,
        "sweep_id": sweep.pk,
    }
    staff = busy_day.people(password=None)
    return House({role: entered(person) for role, person in staff.items()}, rows)


def test_the_house_has_a_row_for_nearly_every_address(house: House) -> None:
    """What is not here, a delivery and a message, takes no words but a reason."""
    named = {name for page in get_resolver().url_patterns for name in page.pattern.converters}
    assert named - set(house.rows) == {"delivery_id", "message_id", "study"}
    assert (Delivery.objects.count(), HospitalMessage.objects.count()) == (0, 0)


@pytest.mark.parametrize("how", ODD)
def test_every_form_answers_whatever_is_sent(house: House, how: str) -> None:
    """Refused, not found, shown again with its objection, or without effect; never an error of the software."""
    for page in sorted((POSTED | FORM_PAGES) & set(DOORS)):
        assert house.sends(page, ODD[how]) in {200, 302, 400, 404, 409}, page


@pytest.mark.parametrize("how", ODD_IN_ADDRESSES)
def test_an_address_with_odd_words_opens_all_the_same(ops: Client, how: str) -> None:
    for page, name in (("operations", "state"), ("operations", "leaf"), ("source-add", "refusal"),
                       ("source-add", "destination")):  # fmt: skip
        assert ops.get(reverse(page), {name: ODD_IN_ADDRESSES[how]}).status_code in {200, 400}


def test_a_number_in_the_digits_of_another_script_is_that_number() -> None:
    """As everywhere in Python; what has more digits than a row can take is none."""
    assert [whole_number(said) for said in ("٣", " 12 ", "0", "9" * 18)] == [3, 12, 0, int("9" * 18)]
    assert {whole_number(said) for said in ("²", "", "-1", "1.0", "1_000", "9" * 19, "9" * 5000)} == {None}


def test_a_change_that_meets_another_gives_way_in_words(ops: Client, operator: Actor, words: Words) -> None:
    """PostgreSQL ends one of two transactions that wait for each other: the person is told, nothing is half done."""
    rule = routing.keep_rule(Rule("nights", Verdict.OFF_PEAK), operator, given.NOW)
    collided = OperationalError("deadlock detected")
    collided.__cause__ = DeadlockDetected("deadlock detected")
    with patch.object(routing, "_number", side_effect=collided):
        answer = ops.post(reverse("rule-move", args=[rule.pk]), {"place": "1"})
    assert answer.status_code == 409
    assert "try once more" in plain(answer.content.decode())
    assert (RoutingRule.objects.get().position, Case.objects.count()) == (1, 0)
