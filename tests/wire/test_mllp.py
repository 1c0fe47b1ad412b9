"""HL7 over real sockets, both ways: our listener with another's client, our sender with receivers of every temper."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hl7 as independent
import pytest
from hl7.client import MLLPClient
from hl7.mllp import start_hl7_server
from structlog.testing import capture_logs

from pipelines import hospital_listener
from pipelines.hospital_listener import Door, Limits, hearing
from pipelines.our_tls import OurTls
from pipelines.steps.tell import MllpPeer, tell_fhir, tell_hl7, try_fhir, try_mllp
from tests.support import hl7 as said
from tests.support.archives import FOR_EVER_S
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.receivers import NOW, SOON, UNHURRIED, answering, fhir_server, receiver, responses
from vfx_finder.actions.hospital import Heard
from vfx_finder.config import Settings
from vfx_finder.domain.delivery import PeerAway
from vfx_finder.domain.errors import Broken, Retry
from vfx_finder.domain.hospital import Outcome
from vfx_finder.interop.acknowledgement import Code, acknowledgement, answer_in
from vfx_finder.interop.hl7 import read
from vfx_finder.interop.mllp import Stream, framed

LOOPBACK = "127.0.0.1"
ADT = said.message("ADT^A08^ADT_A01", said.pid())


@pytest.fixture
def kept() -> list[bytes]:
    return []


@pytest.fixture
def take(kept):
    """Keep a message in the list and accept it."""

    def taking(content: bytes) -> Heard:
        kept.append(content)
        return Heard(Code.ACCEPT, "", Outcome.APPLIED, read(content))

    return taking


@contextmanager
def listener(take: Callable[[bytes], Heard], limits: Limits | None = None) -> Iterator[int]:
    with hearing((LOOPBACK, 0), Door(), take, limits or Limits()) as here:
        yield here.port


def call(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=60)


def answer(line: socket.socket) -> bytes:
    """The next whole message that comes back; empty where the other side hung up."""
    stream = Stream()
    while byte := line.recv(1):  # never into the next message
        for message in stream.feed(byte):
            return message
    return b""


def is_served(line: socket.socket) -> bool:
    """Whether a message is answered, rather than the caller turned away."""
    try:
        line.sendall(framed(ADT))
        return bool(answer(line))
    except ConnectionError:
        return False


def code(content: bytes) -> str:
    return str(independent.parse(content.decode()).segment("MSA")[1])


# ---- in


def test_another_implementations_client_is_answered_message_by_message(take, kept):
    with listener(take) as port, MLLPClient(LOOPBACK, port) as client:
        for number in range(50):
            sent = said.message("ADT^A08", said.pid(), control_id=f"C{number}")
            told = answer_in(client.send_message(sent).strip(b"\x0b\x1c\r"), f"C{number}")
            assert (told.accepted, told.code) == (True, "AA")
    assert len(kept) == 50


def test_messages_in_one_packet_and_in_single_bytes(take, kept):
    with listener(take) as port, call(port) as line:
        line.sendall(framed(ADT) + b"\r\n" + framed(ADT))
        assert [code(answer(line)), code(answer(line))] == ["AA", "AA"]
        for byte in framed(ADT):
            line.sendall(bytes([byte]))
        assert code(answer(line)) == "AA"
    assert kept == [ADT] * 3


@pytest.mark.parametrize("why", [Retry("The ledger does not answer."), LookupError("HARTLEY^JANE")])
def test_what_cannot_be_kept_is_not_answered_so_that_it_comes_again(take, why):
    """The database is away, or we are at fault: the connection ends without an answer, and the next one is heard."""
    failing = [why]

    def sometimes(content: bytes) -> Heard:
        if failing:
            raise failing.pop()
        return take(content)

    with listener(sometimes) as port, capture_logs() as logs:
        with call(port) as line:
            line.sendall(framed(ADT))
            assert line.recv(100) == b""
        with call(port) as line:
            line.sendall(framed(ADT))
            assert code(answer(line)) == "AA"
    assert "HARTLEY" not in str(logs)


def test_an_endless_message_is_cut_off_and_others_go_on(take):
    with listener(take, Limits(most_bytes=10_000)) as port, call(port) as endless, call(port) as other:
        with pytest.raises(OSError):
            for _ in range(1000):
                endless.sendall(b"\x0b" + b"x" * 10_000)
        other.sendall(framed(ADT))
        assert code(answer(other)) == "AA"


def test_a_message_that_stops_half_way_is_given_up(take, kept):
    """Also where its sender lets a byte drip now and then."""
    with listener(take, Limits(message_seconds=0.5)) as port, call(port) as half, call(port) as dripping:
        half.sendall(framed(ADT)[:20])
        dripping.sendall(framed(ADT)[:20])
        until = time.monotonic() + 60
        with pytest.raises(OSError):
            while time.monotonic() < until:
                dripping.sendall(b"x")
                time.sleep(0.1)
        assert half.recv(100) == b""
    assert kept == []


def test_an_idle_connection_is_kept_and_still_heard(take):
    with listener(take, Limits(message_seconds=0.3)) as port, call(port) as line:
        for _ in range(2):
            time.sleep(0.6)
            line.sendall(framed(ADT))
            assert code(answer(line)) == "AA"


def test_a_flood_of_connections_is_refused_and_those_inside_are_served(take):
    with listener(take, Limits(connections=3)) as port:
        inside = [call(port) for _ in range(3)]
        inside[-1].sendall(framed(ADT))
        assert code(answer(inside[-1])) == "AA"
        with call(port) as refused:
            assert refused.recv(10) == b""
        inside.pop(0).close()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with call(port) as again:
                if is_served(again):
                    break
        else:
            pytest.fail("a place that was given up was never given on")
        for line in inside:
            line.close()


def test_noise_without_a_message_is_ignored(take, kept):
    with listener(take) as port, call(port) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n" + framed(ADT))
        assert code(answer(line)) == "AA"
    assert kept == [ADT]


@pytest.mark.parametrize(
    ("accepted", "host", "let_in"),
    [
        ((), "127.0.0.1", True),
        ((), "10.1.2.3", False),
        (("10.1.2.0/24",), "10.1.2.3", True),
        (("10.1.2.0/24",), "10.1.3.3", False),
        (("10.1.2.3",), "::ffff:10.1.2.3", True),
        (("fd00::/8",), "fd00::1", True),
    ],
)
def test_who_may_come_in(accepted, host, let_in):
    door = hospital_listener._door(Settings(hl7_port=0, accepted_hl7_hosts=accepted))
    assert door.lets_in(host) is let_in


def test_a_door_that_others_can_reach_names_who_may_come_in():
    with pytest.raises(Broken, match="VFX_ACCEPTED_HL7_HOSTS"):
        hospital_listener._door(Settings(hl7_port=0, hl7_host="0.0.0.0"))
    with pytest.raises(Broken, match="VFX_ACCEPTED_HL7_HOSTS"):
        hospital_listener._door(Settings(hl7_port=0, accepted_hl7_hosts=("the RIS",)))
    with pytest.raises(Broken, match="VFX_HL7_PORT"):
        hospital_listener.hear(Settings())


def test_a_taken_port_is_named(take):
    with listener(take) as port, pytest.raises(Broken, match=str(port)), hearing((LOOPBACK, port), Door(), take):
        pass


@pytest.fixture
def papers(tmp_path):
    """Settings of an installation that hears by TLS only, and the authority that vouches for its callers."""
    authority = Authority.founded(tmp_path / "authority")
    ours = authority.issue("ours")
    files = {"tls_certificate": ours.certificate, "tls_key": ours.key, "tls_client_authorities": authority.certificate}
    return authority, Settings(hl7_port=0, hl7_tls=True, **files)


@pytest.mark.parametrize(("days", "let_in"), [(2, True), (-1, False)])
def test_by_tls_only_whom_our_authority_vouches_for_is_heard(papers, take, days, let_in):
    """Our own sender calls our own listener; an expired certificate is refused, and so is plain text."""
    authority, settings = papers
    theirs = authority.issue("engine", days)
    tls = OurTls(theirs.certificate, theirs.key, authority.certificate).context()
    with hearing((LOOPBACK, 0), hospital_listener._door(settings), take) as here:
        try:
            accepted = tell_hl7(MllpPeer(LOOPBACK, here.port, tls, UNHURRIED), ORU, "VFX1").accepted
        except PeerAway:
            accepted = False
        with call(here.port) as plain:
            assert not is_served(plain)
    assert accepted is let_in


def test_tls_without_its_files_does_not_begin(papers):
    _, settings = papers
    for missing in ("tls_certificate", "tls_key", "tls_client_authorities"):
        with pytest.raises(Broken, match="VFX_HL7_TLS"):
            hospital_listener._door(settings.model_copy(update={missing: None}))


# ---- in, to the rows


def test_a_message_is_answered_after_it_is_committed(committed_db):
    from vfx_finder.ledger.models import HospitalMessage

    with listener(hospital_listener.keep) as port, call(port) as line:
        line.sendall(framed(said.merge("P1^^^HOSP", "P2^^^HOSP")))
        assert code(answer(line)) == "AA"
        assert HospitalMessage.objects.get().outcome == Outcome.APPLIED
        line.sendall(framed(b"MSH|nonsense"))
        refused = independent.parse(answer(line).decode())
    assert str(refused.segment("MSA")[1]) == "AR"
    assert "MSH-1" in str(refused.segment("ERR")[8])


def test_a_defect_of_ours_is_listed_and_the_next_message_heard(committed_db, monkeypatch):
    from vfx_finder.actions import hospital
    from vfx_finder.ledger.models import HospitalMessage

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hospital, "_administration", broken)
    with listener(hospital_listener.keep) as port, call(port) as line:
        line.sendall(framed(ADT))
        assert code(answer(line)) == "AE"
        row = HospitalMessage.objects.get()
        assert (row.outcome, row.reason) == ("listed", "could-not-apply: ZeroDivisionError in this software")
        line.sendall(framed(said.message("SIU^S12", "SCH|1", control_id="C2")))
        assert code(answer(line)) == "AA"


# ---- out


ORU = said.message("ORU^R01^ORU_R01", said.pid(), "OBR|1", control_id="VFX1")


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (Code.ACCEPT, "", (True, False, "AA")),
        (Code.ERROR, "OBR-4 unknown", (False, True, "AE: OBR-4 unknown")),
        (Code.REJECT, "system down", (False, False, "AR: system down")),
        (Code.ERROR, "no Test, P1 here", (False, True, "AE: its words name the patient and are not kept")),
    ],
)
def test_only_an_accepting_answer_is_success(code, words, told):
    with receiver(answering(code, words)) as peer:
        answer = tell_hl7(peer, ORU, "VFX1")
    assert (answer.accepted, answer.hopeless, answer.words) == told


def test_an_answer_about_another_message_is_none():
    other = said.message("ORU^R01", control_id="OTHER")
    with receiver(lambda line, _: line.sendall(framed(acknowledgement(read(other), Code.ACCEPT, "", NOW)))) as peer:
        answer = tell_hl7(peer, ORU, "VFX1")
    assert not answer.accepted
    assert "another message" in answer.words


@pytest.mark.parametrize(
    "temper",
    [
        lambda line, _: None,
        lambda line, _: line.shutdown(socket.SHUT_RDWR),
        lambda line, _: line.sendall(b"\x0bMSH|^~\\&|half an answer"),
        lambda line, _: line.sendall(framed(b"OK")),
    ],
    ids=["silent", "hangs up", "half an answer", "no HL7"],
)
def test_a_receiver_that_does_not_answer_has_not_taken_it(temper):
    began = time.monotonic()
    with receiver(temper, SOON) as peer:
        answer = tell_hl7(peer, ORU, "VFX1")
    assert (answer.accepted, answer.hopeless) == (False, False)
    assert time.monotonic() - began < FOR_EVER_S


def test_nobody_there():
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert "takes connections" in try_mllp(MllpPeer(LOOPBACK, port, patience=UNHURRIED))
    nobody = MllpPeer(LOOPBACK, free_port(), patience=UNHURRIED)
    with pytest.raises(PeerAway):
        tell_hl7(nobody, ORU, "VFX1")
    with pytest.raises(PeerAway):
        try_mllp(nobody)


def test_another_implementations_server_takes_our_message():
    """python-hl7's MLLP server reads it and acknowledges it."""
    taken: list[str] = []

    async def serve(reader, writer) -> None:
        message = await reader.readmessage()
        taken.append(str(message.segment("MSH")[10]))
        writer.writemessage(message.create_ack())
        await writer.drain()
        writer.close()

    async def story():
        async with await start_hl7_server(serve, LOOPBACK, 0, encoding="utf-8") as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.to_thread(tell_hl7, MllpPeer(LOOPBACK, port, patience=UNHURRIED), ORU, "VFX1")

    assert asyncio.run(story()).accepted
    assert taken == ["VFX1"]


# ---- out, FHIR

BUNDLE_SENT = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {}}, {"resource": {}}]}


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "Test Patient unknown"}]}


@pytest.mark.parametrize(
    ("status", "document", "told"),
    [
        (200, responses("200 OK", "201 Created"), (True, False)),
        (200, responses("200 OK", "422"), (False, False)),
        (200, responses("200 OK"), (False, False)),
        (200, b"<html>signed in?</html>", (False, False)),
        (200, {"entry": None}, (False, False)),
        (202, responses("200", "200"), (False, False)),
        (422, OUTCOME, (False, True)),
        (401, {}, (False, False)),
        (500, b"[" * 100_000, (False, False)),
    ],
)
def test_a_transaction_is_taken_where_the_server_says_so_of_every_entry(status, document, told):
    with fhir_server(status, document) as (peer, asked):
        answer = tell_fhir(peer, BUNDLE_SENT)
    assert (answer.accepted, answer.hopeless) == told
    assert asked[0]["path"] == "/fhir"
    assert asked[0]["body"] == BUNDLE_SENT
    assert (asked[0]["Authorization"], asked[0]["Content-Type"]) == ("Bearer secret", "application/fhir+json")


def test_the_servers_words_are_not_kept_for_they_may_quote_a_patient():
    with fhir_server(422, OUTCOME) as (peer, _):
        words = tell_fhir(peer, BUNDLE_SENT).words
    assert words == "the server's rules do not allow the content (HTTP 422; invalid)"


def test_a_gateway_without_a_server_behind_it_is_away():
    with fhir_server(503, {}) as (peer, _), pytest.raises(PeerAway):
        tell_fhir(peer, BUNDLE_SENT)


def test_trying_a_fhir_server():
    with fhir_server(200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}) as (peer, asked):
        assert try_fhir(peer) == "Answered: FHIR 4.0.1."
    assert asked[0]["path"] == "/fhir/metadata"
    for status, document in ((200, {"fhirVersion": "5.0.0"}), (404, {}), (200, b"hello")):
        with fhir_server(status, document) as (peer, _), pytest.raises(Retry):
            try_fhir(peer)
