"""A destination as an operator sets it up, and keeps it while the worker notes in the same row what it answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import intake as given
from vfx_finder.actions import delivery, dispatch
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.errors import WrongState
from vfx_finder.ledger import deliveries
from vfx_finder.ledger.models import AuditEvent, Destination

pytestmark = pytest.mark.django_db

PACS = DestinationFacts(
    "PACS", Protocol.DICOM, AETitle="ARCHIVE", host="10.0.0.5", port=104, kinds=frozenset({Kind.SC})
)
WEB = DestinationFacts("Web", Protocol.STOW, url="https://pacs.example.org/dicom-web", kinds=frozenset({Kind.SC}))

Keep = Callable[..., Destination]


@pytest.fixture
def keep(operator: Actor) -> Keep:
    """Set up a destination like this one, with these differences."""
    return lambda facts=PACS, **other: delivery.keep_destination(replace(facts, **other), operator, given.NOW)


def test_a_token_is_kept_when_the_form_leaves_it_empty(keep, operator: Actor) -> None:
    here = keep(WEB, token="secret")
    delivery.keep_destination(replace(WEB, name="Web 2"), operator, given.NOW, destination_id=here.pk)
    row = Destination.objects.get()
    assert (row.name, row.token) == ("Web 2", "secret")
    assert "secret" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


def test_two_destinations_of_one_name_are_refused(keep) -> None:
    keep()
    with pytest.raises(WrongState, match="another destination of this name"):
        keep()


def test_a_try_is_asked_for_once_and_its_answer_shown(keep, operator: Actor) -> None:
    here = keep()
    delivery.try_destination(here.pk, operator, given.NOW)
    assert [one.pk for one in deliveries.tries_wanted()] == [here.pk]
    dispatch.tried(here.pk, "Answered in 3 ms.", given.later(1), ok=True)
    row = Destination.objects.get()
    assert (row.last_answer, row.last_ok_at, row.try_wanted_at) == ("Answered in 3 ms.", given.later(1), None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"host": ""},
        {"port": None},
        {"port": 70000},
        {"AETitle": ""},
        {"AETitle": "A" * 17},
        {"AETitle": "A\\B"},
        {"kinds": frozenset()},
        {"protocol": Protocol.STOW},
        {"protocol": Protocol.STOW, "url": "ftp://x"},
        {"protocol": Protocol.FHIR, "url": "https:///x"},
        {"protocol": Protocol.STOW, "url": "https://pacs:port/dicom-web"},
        {"protocol": Protocol.STOW, "url": "https://pacs/dic\u00f6m-web"},
        {"host": "pacs..example.org"},
    ],
)
def test_an_incomplete_destination_is_refused_in_words(wrong) -> None:
    with pytest.raises(ValueError, match=r"[a-z ]{10,}"):
        replace(PACS, **wrong)


def test_saving_a_destination_takes_back_nothing_that_the_worker_noted_meanwhile(keep, operator, monkeypatch) -> None:
    here = keep()

    def meanwhile(*_: object) -> None:
        dispatch.tried(here.pk, "Answered in 3 ms.", given.later(1), ok=True)
        Destination.objects.update(away_since=given.later(2))

    monkeypatch.setattr(delivery, "_check_protocol", meanwhile)
    delivery.keep_destination(replace(PACS, host="10.0.0.6"), operator, given.later(3), destination_id=here.pk)
    row = Destination.objects.get()
    assert (row.host, row.last_answer, row.away_since) == ("10.0.0.6", "Answered in 3 ms.", given.later(2))
