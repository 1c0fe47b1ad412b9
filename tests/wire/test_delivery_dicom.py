"""Out by DICOM: what is told of an object is what the archive answered for it, and no peer can hold us for ever."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from pipelines.steps import send
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Patience
from tests.support.archives import FOR_EVER_S, Archive, archive, dcmtk_archive, silent_peer
from tests.support.ports import free_port
from tests.support.small_results import result
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.dicom.sop_classes import sop_class_of
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import PeerAway
from vfx_finder.domain.errors import Retry

pytestmark = PEERS_VANISH

QUICK = Patience(connect_s=2, answer_s=2, bytes_per_second=10e6)
"""For a peer that is meant to say nothing at all."""
HASTY = Patience(connect_s=30, answer_s=2, bytes_per_second=10e6)
"""For one that is meant to fall silent."""
USUAL = Patience(connect_s=30, answer_s=60)
TRANSACTION = "2.25.1234567"


def at(port: int, patience: Patience = USUAL) -> Peer:
    return Peer("127.0.0.1", port, "ARCHIVE", "VFXFINDER", patience=patience)


@pytest.fixture
def pacs() -> Iterator[Archive]:
    with archive() as running:
        yield running


def test_dcmtk_keeps_every_kind_byte_for_byte(tmp_path: Path) -> None:
    """One object of every kind goes by one association and lies in DCMTK's folder with the same pixels."""
    objects = [result(kind) for kind in Kind]
    with dcmtk_archive(tmp_path / "archive") as port:
        answers = send.store(at(port), objects)
    assert [(one.status, one.accepted) for one in answers] == [(0x0000, True)] * len(Kind)
    kept = {str(file.SOPInstanceUID): file for file in map(pydicom.dcmread, (tmp_path / "archive").iterdir())}
    for one in objects:
        assert kept[one.SOPInstanceUID].PixelData == one.dataset.PixelData
        assert kept[one.SOPInstanceUID].SOPClassUID == one.SOPClassUID


def test_a_refused_object_is_told_as_refused_and_the_others_go(pacs: Archive) -> None:
    pacs.statuses[sop_class_of(Kind.SR)] = 0xC001
    answers = send.store(at(pacs.port), [result(Kind.SC), result(Kind.SR), result(Kind.PDF)])
    assert [one.accepted for one in answers] == [True, False, True]
    assert (answers[1].status, answers[1].hopeless) == (0xC001, True)
    assert "cannot understand" in answers[1].words
    assert len(pacs.stored) == 2


@pytest.mark.parametrize(
    ("status", "accepted", "hopeless"),
    [
        (0xB000, True, False),
        (0x0111, True, False),
        (0x0110, False, False),
        (0x0124, False, False),
        (0x0122, False, True),
        (0xA900, False, True),
    ],
)
def test_what_a_status_means(pacs: Archive, status: int, accepted: bool, hopeless: bool) -> None:
    pacs.statuses[sop_class_of(Kind.SC)] = status
    (answer,) = send.store(at(pacs.port), [result()])
    assert (answer.status, answer.accepted, answer.hopeless) == (status, accepted, hopeless)
    assert f"0x{status:04X}" in answer.words


def test_a_full_archive_is_asked_no_further(pacs: Archive) -> None:
    """0xA700 for one object: the rest of them would be refused as well, and are tried later."""
    pacs.statuses[sop_class_of(Kind.SR)] = 0xA700
    answers = send.store(at(pacs.port), [result(Kind.SC), result(Kind.SR), result(Kind.PDF)])
    assert [(one.status, one.accepted, one.hopeless) for one in answers] == [
        (0x0000, True, False),
        (0xA700, False, False),
        (None, False, False),
    ]


def test_a_kind_that_the_archive_does_not_take_is_told_without_sending_it() -> None:
    with archive(kinds=(Kind.SC,)) as choosy:
        answers = send.store(at(choosy.port), [result(Kind.SC), result(Kind.SEG)])
        nothing = send.store(at(choosy.port), [result(Kind.SEG)])
    assert [one.accepted for one in answers] == [True, False]
    assert (answers[1].status, answers[1].hopeless) == (None, True)
    assert "does not take this kind" in nothing[0].words


def test_an_object_that_breaks_the_association_does_not_keep_the_next_one_back(pacs: Archive) -> None:
    poison = result(Kind.SR)
    pacs.hang_up_on.add(poison.SOPInstanceUID)
    answers = send.store(at(pacs.port), [result(Kind.SC), poison, result(Kind.PDF)])
    assert [one.accepted for one in answers] == [True, False, True]
    assert answers[1].status is None


def test_nobody_listens_there() -> None:
    with pytest.raises(PeerAway, match="connection refused"):
        send.store(at(free_port()), [result()])


def test_we_are_not_known_there() -> None:
    with archive(only="SOMEBODY") as strict, pytest.raises(PeerAway, match="calling AE title not recogni"):
        send.store(at(strict.port), [result()])


def test_an_unknown_host_is_told_as_such() -> None:
    with pytest.raises(PeerAway, match="cannot be reached"):
        send.store(Peer("localhost.invalid", 104, "A", "B", patience=QUICK), [result()])


def test_a_peer_that_says_nothing_is_left_in_time() -> None:
    began = time.monotonic()
    with silent_peer() as port, pytest.raises(PeerAway, match="did not answer the request"):
        send.store(at(port, QUICK), [result()])
    assert time.monotonic() - began < FOR_EVER_S


def test_an_archive_that_never_answers_a_store_is_left_in_time(pacs: Archive) -> None:
    pacs.hold_after = 0
    began = time.monotonic()
    (answer,) = send.store(at(pacs.port, HASTY), [result()])
    assert (answer.status, answer.accepted, answer.hopeless) == (None, False, False)
    assert time.monotonic() - began < FOR_EVER_S


def test_a_peer_that_stops_reading_in_mid_object_is_cut_off(pacs: Archive) -> None:
    """The socket stands, its window is full: without a limit of our own the sender would wait for ever."""
    with StuckProxy(pacs.port, after=300_000) as port:
        began = time.monotonic()
        answers = send.store(at(port, HASTY), [result(pixels=6000)])
        assert time.monotonic() - began < FOR_EVER_S
    assert [one.accepted for one in answers] == [False]


def test_storage_commitment_comes_by_the_same_association(pacs: Archive) -> None:
    asked = [(one.SOPClassUID, one.SOPInstanceUID) for one in (result(Kind.SC), result(Kind.SR))]
    proof = send.ask_commitment(at(pacs.port), TRANSACTION, asked, linger_s=60)
    assert proof is not None
    assert (proof.TransactionUID, proof.committed, proof.failed) == (TRANSACTION, {uid for _, uid in asked}, ())
    assert [item.ReferencedSOPClassUID for item in pacs.asked[0].ReferencedSOPSequence] == [one for one, _ in asked]


def test_an_archive_that_does_not_keep_an_object_says_so(pacs: Archive) -> None:
    pacs.commits = "no"
    one = result()
    proof = send.ask_commitment(at(pacs.port), TRANSACTION, [(one.SOPClassUID, one.SOPInstanceUID)], linger_s=60)
    assert proof is not None
    assert (proof.committed, proof.failed) == (frozenset(), ((one.SOPInstanceUID, 0x0112),))


def test_commitment_that_comes_later_is_none_yet(pacs: Archive) -> None:
    pacs.commits = "never"
    assert send.ask_commitment(at(pacs.port), TRANSACTION, [("1.2", "1.3")], linger_s=0.2) is None


def test_an_archive_without_commitment_is_told_as_such(tmp_path: Path) -> None:
    """DCMTK's storescp has none."""
    with (
        dcmtk_archive(tmp_path / "a") as port,
        pytest.raises(Retry, match="offers no storage commitment: switch that off"),
    ):
        send.ask_commitment(at(port), TRANSACTION, [("1.2", "1.3")], linger_s=0.2)


def test_a_try_says_what_would_be_refused() -> None:
    wanted = [(kind.value, sop_class_of(kind)) for kind in (Kind.SC, Kind.SEG)]
    with archive(kinds=(Kind.SC,)) as choosy:
        with pytest.raises(Retry, match="does not take seg"):
            send.try_out(at(choosy.port), wanted, commitment=True)
        assert "Answered in" in send.try_out(at(choosy.port), wanted[:1], commitment=True)


class StuckProxy:
    """Passes bytes on to a port, and stops reading after some; as a peer does whose disk hangs."""

    def __init__(self, port: int, after: int) -> None:
        self.to, self.after = port, after
        self.server = socket.create_server(("127.0.0.1", 0))
        self.lines: list[socket.socket] = []

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self.server.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)  # wakes up who waits for connections
        self.server.close()
        for line in self.lines:
            line.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            self.lines += [near, far]
            threading.Thread(target=self._pass, args=(near, far, self.after), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, 1 << 40), daemon=True).start()

    @staticmethod
    def _pass(here: socket.socket, there: socket.socket, most: int) -> None:
        try:
            while most > 0 and (some := here.recv(min(most, 65536))):
                there.sendall(some)
                most -= len(some)
        except OSError:
            return
