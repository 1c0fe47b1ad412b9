"""The page *Hospital messages*: whom a message is about, why it waits, and only the buttons that help."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.test import Client

from tests.support import hl7 as said
from tests.support.forms import plain
from tests.support.hospital import HOSPITAL, patient
from vfx_finder.accounts.models import User
from vfx_finder.actions import hospital
from vfx_finder.domain.actor import Actor
from vfx_finder.ledger.models import HospitalMessage

pytestmark = pytest.mark.django_db

DIED = said.message("ADT^A03", said.pid(is_dead="Y"), control_id="C2")
CORRECTED = said.message("ADT^A08", said.pid(name="Corrected^Name"), control_id="C3")


@pytest.fixture
def screen(client: Client, operator: Actor) -> Client:
    client.force_login(User.objects.get(pk=operator.user_id), backend="django.contrib.auth.backends.ModelBackend")
    return client


def hear(*messages: bytes) -> None:
    for sent in messages:
        hospital.hear(sent, HOSPITAL, datetime.now(UTC))


def page(screen: Client) -> str:
    return screen.get("/operations/messages").content.decode()


def test_a_row_names_the_patients_number_and_leads_to_the_studies(referred, screen):
    """By a form: a number in an address would stand in histories and logs."""
    row = referred(patient(issuer=""))
    hear(said.merge("P9^^^HOSP", "P1^^^HOSP"))
    shown = page(screen)
    assert "Find the studies of P9 of HOSP Find the studies of P1 of HOSP" in plain(shown)
    assert "Corrected" not in shown
    found = screen.post("/operations/search", {"words": "P1"}, follow=True)
    assert found.redirect_chain[-1][0] == f"/operations/studies/{row.case_id}"


def test_an_unreadable_message_shows_its_text_and_nothing_that_cannot_help(screen):
    hear(b"hello\r<b>there</b>")
    shown = page(screen)
    assert "As received" in shown
    assert "<li>&lt;b&gt;there&lt;/b&gt;</li>" in shown
    assert "This is no HL7 v2 message" in shown
    assert "Apply again" not in shown
    assert "Seen to" in shown


def test_a_long_unreadable_message_shows_its_beginning(screen):
    hear(b"hello " + b"x" * 10_000)
    shown = page(screen)
    assert "As received, the beginning" in shown
    assert len(shown) < 30_000


def test_all_that_wait_for_one_reason_are_applied_by_one_button(referred, screen, settings):
    row = referred(patient(issuer=""))
    hear(DIED, CORRECTED, b"hello")
    assert page(screen).count("Apply all again") == 1
    settings.VFX = SimpleNamespace(**{**settings.VFX.model_dump(), "issuer_of_patient_id": "HOSP"})
    shown = screen.post("/operations/messages/again", {"reason": "other-issuer"}, follow=True).content.decode()
    assert "2 of 2 are done with." in plain(shown)
    row.refresh_from_db()
    assert row.PatientName == "Corrected^Name"
    assert HospitalMessage.objects.filter(outcome="applied").count() == 2
    assert "Could not be read" in shown


def test_one_click_too_early_says_that_the_reason_stands(referred, screen):
    referred(patient(issuer=""))
    hear(DIED, CORRECTED)
    shown = screen.post("/operations/messages/again", {"reason": "other-issuer"}, follow=True).content.decode()
    assert "0 of 2 are done with; for 2 the reason stands." in plain(shown)


@pytest.mark.parametrize("reason", ["", "unreadable", "no-such-reason"])
def test_only_what_may_help_is_done_for_all(screen, reason):
    assert screen.post("/operations/messages/again", {"reason": reason}).status_code == 404


def test_the_words_of_a_row_are_true(referred, screen):
    """A death told twice is known by the second message; what was put aside waits for nobody."""
    referred()
    again = said.message("ADT^A03", said.pid(is_dead="Y"), control_id="C5")
    hear(DIED, again, said.message("ADT^A37", said.pid(), control_id="C4"))
    listed = HospitalMessage.objects.get(control_id="C4")
    screen.post(f"/operations/messages/{listed.pk}/aside")
    rows = plain(page(screen)).split("The last day")[1]
    assert "seen to Takes a merge back" in rows
    assert "already known It changed nothing" in rows
    assert "applied" in rows.split("C2")[1]
    assert "needs a person" not in rows
