"""A signed result on its whole way to an integration engine: rows, worker, wire, answer, and the state after it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import deliveries as worker
from pipelines.deliveries import Post
from pipelines.outgoing import Station, station_of
from tests.support import hl7 as said
from tests.support import intake as given
from tests.support import outbox, spines
from tests.support.archives import wait_for
from tests.support.ports import free_port
from tests.support.receivers import NOW, UNHURRIED, answering, fhir_server, receiver, responses
from vfx_finder.actions import analysis, delivery, hospital, intake
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivery import DeliveryState, Protocol
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.interop.acknowledgement import Code, acknowledgement
from vfx_finder.interop.hl7 import read
from vfx_finder.interop.mllp import framed
from vfx_finder.ledger.models import Case, Delivery, Destination
from vfx_finder.spool import Spool

pytestmark = pytest.mark.usefixtures("committed_db")

FRACTURES = len(spines.SPAN)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    yield Post(Spool(tmp_path), outbox.small_objects, Station("VFXFINDER", patience=UNHURRIED), outbox.PACE)


def serve(post: Post, there: int) -> DeliveryState:
    """Deliver what is due; the state of the newest delivery."""
    worker.serve(post, there, threading.Event())
    return DeliveryState(Delivery.objects.filter(destination_id=there).latest("pk").state)


def engine(port: int, **other: object) -> int:
    return outbox.destination("engine", port, protocol=Protocol.HL7, AETitle="", kinds=frozenset(), **other)


def taking(taken: list[bytes]) -> Callable[..., None]:
    """A receiver that accepts every message and keeps it here."""

    def take(line, sent):
        taken.append(sent)
        answering(Code.ACCEPT)(line, sent)

    return take


def test_a_signed_result_is_proven_by_its_acknowledgement(post):
    taken: list[bytes] = []
    with receiver(taking(taken)) as peer:
        there = engine(peer.port)
        outbox.signed()
        assert serve(post, there) is DeliveryState.PROVEN
        assert serve(post, there) is DeliveryState.PROVEN
    (message,) = (read(one) for one in taken)
    assert (message.type, message.first("PID").text(3), message.first("OBR").text(25)) == ("ORU", "P1", "F")
    assert Delivery.objects.get().delivered.get().answer == "AA"


def test_an_engine_routes_by_what_the_settings_name(post, monkeypatch):
    """Station and message as the worker makes them of the environment."""
    for name, value in {"FACILITY": "RAD", "RECEIVING_APPLICATION": "ENGINE", "RECEIVING_FACILITY": "HOSP"}.items():
        monkeypatch.setenv(f"VFX_HL7_{name}", value)
    taken: list[bytes] = []
    with receiver(taking(taken)) as peer:
        there = engine(peer.port)
        outbox.signed()
        assert serve(replace(post, station=station_of(Settings())), there) is DeliveryState.PROVEN
    header = read(taken[0]).header
    assert [header.text(field) for field in (3, 4, 5, 6)] == ["VFX_FINDER", "RAD", "ENGINE", "HOSP"]


def test_two_engines_have_receivers_of_their_own(post, monkeypatch):
    """What a destination names goes before the settings, each field by itself."""
    monkeypatch.setenv("VFX_HL7_RECEIVING_APPLICATION", "ENGINE")
    monkeypatch.setenv("VFX_HL7_RECEIVING_FACILITY", "HOSP")
    post = replace(post, station=station_of(Settings()))
    taken: list[bytes] = []
    with receiver(taking(taken)) as peer:
        own = engine(peer.port, receiving_application="RIS^1.2.3^ISO")
        usual = outbox.destination("other", peer.port, protocol=Protocol.HL7, AETitle="", kinds=frozenset())
        outbox.signed()
        assert {serve(post, own), serve(post, usual)} == {DeliveryState.PROVEN}
    assert [[read(one).header.raw(field) for field in (5, 6)] for one in taken] == [
        ["RIS^1.2.3^ISO", "HOSP"],
        ["ENGINE", "HOSP"],
    ]


def test_a_refusal_is_tried_again_as_the_same_message(post):
    """AR says that it may be sent again: the receiver sees one control ID, and one result."""
    ids: list[str] = []

    def moody(line, sent):
        message = read(sent)
        ids.append(message.control_id)
        code = Code.REJECT if len(ids) == 1 else Code.ACCEPT
        line.sendall(framed(acknowledgement(message, code, "busy", NOW)))

    with receiver(moody) as peer:
        there = engine(peer.port)
        outbox.signed()
        assert serve(post, there) is DeliveryState.WAITING
        assert "AR: busy" in Delivery.objects.get().answer
        wait_for(lambda: serve(post, there) is DeliveryState.PROVEN)
    assert ids[0] == ids[1]


def test_a_message_whose_content_is_refused_is_a_dead_letter_at_once_and_can_be_resent(post):
    with receiver(answering(Code.ERROR, "unknown code")) as peer:
        there = engine(peer.port)
        outbox.signed()
        assert serve(post, there) is DeliveryState.DEAD
    with receiver(answering(Code.ACCEPT)) as peer:
        Destination.objects.update(port=peer.port)
        delivery.resend(Delivery.objects.get().pk, outbox.somebody(Role.OPERATOR), given.later(500))
        assert serve(post, there) is DeliveryState.PROVEN


def test_an_engine_that_is_away_gets_it_later(post):
    there = engine(free_port())
    outbox.signed()
    assert serve(post, there) is DeliveryState.WAITING
    assert "cannot be reached" in Destination.objects.get().last_answer


def test_the_message_carries_the_number_that_survived_a_merge(post):
    taken: list[bytes] = []
    with receiver(taking(taken)) as peer:
        there = engine(peer.port)
        outbox.signed()
        hospital.hear(said.merge("NEW", "P1"), Actor.process("hospital-listener"), given.later(300))
        serve(post, there)
    assert read(taken[0]).first("PID").text(3) == "NEW"
    assert Case.objects.get().PatientID == "P1"


def test_a_fhir_server_gets_the_report_and_what_is_stale_is_withdrawn(post):
    """Preliminary, then more images, then preliminary again: vertebrae of the older images are entered in error."""
    with fhir_server(200, responses(*["200 OK"] * (FRACTURES + 1))) as (peer, asked):
        there = outbox.destination(
            "fhir", protocol=Protocol.FHIR, AETitle="", host="", url=peer.url, kinds=frozenset(), before_sign_off=True
        )
        intake.receive(given.instance(1), given.LISTENER, given.NOW, given.SETTLE)
        analyse(60)
        assert serve(post, there) is DeliveryState.PROVEN
    with fhir_server(200, responses(*["200 OK"] * (2 * FRACTURES + 1))) as (again, asked_again):
        Destination.objects.update(url=again.url)
        intake.receive(given.instance(2), given.LISTENER, given.later(100), given.SETTLE)
        analyse(200)
        assert serve(post, there) is DeliveryState.PROVEN
    first, second = (statuses(one[0]["body"]) for one in (asked, asked_again))
    assert (first["preliminary"], first["entered-in-error"]) == (FRACTURES, 0)
    assert (second["preliminary"], second["entered-in-error"]) == (FRACTURES, FRACTURES)


def analyse(seconds: float) -> None:
    intake.settle_due(given.later(seconds))
    case = Case.objects.get()
    analysis.record(case.pk, case.generation, spines.analysis({Level.L1: 2}), given.later(seconds + 10))


def statuses(bundle) -> dict[str, int]:
    told = [one["resource"]["status"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Observation"]
    return {status: told.count(status) for status in ("preliminary", "entered-in-error")}
